//! Where customers are when they are called, as the guide's table has it: how much noise there is around them.

use crate::words::words;

words! {
    /// What surrounds the customers of a task. The figures that the guide recommends for it go before those of its robots:
    /// noise reduction, the silence that ends an expression, and the recogniser's strictness. `dialog::robot::Environment`
    /// has them.
    Environment {
        Office = "office",
        Home = "home",
        OutdoorStreet = "outdoor_street",
        SubwayBus = "subway_bus",
        IndustrialWarehouse = "industrial_warehouse",
        InCar = "in_car",
    }
}
