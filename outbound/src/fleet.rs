//! The processes of an installation: which kinds of work are done by nobody, and what stands still then.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::words::words;

/// A process gives a sign of life this often.
pub const SIGN_OF_LIFE_EVERY: Duration = Duration::from_secs(5);
/// A process that gave none for so long counts as gone: three signs may get lost on the way.
pub const GONE_AFTER: Duration = Duration::from_secs(20);

words! {
    /// What a process may be asked to do: `callwright serve` does the first, `callwright work` the others.
    Kind {
        /// The API.
        Serve = "serve",
        /// Claims, and the looks that give back what was lost.
        Sweep = "sweep",
        /// Scheduled starts and ends, window edges.
        Step = "step",
        Dial = "dial",
        Redial = "redial",
        Import = "import",
        Export = "export",
        /// Recordings of the process' own spool folder.
        Upload = "upload",
        Analyze = "analyze",
    }
}

impl Kind {
    /// What `callwright work` does.
    pub const WORK: [Self; 8] = [
        Self::Sweep,
        Self::Step,
        Self::Dial,
        Self::Redial,
        Self::Import,
        Self::Export,
        Self::Upload,
        Self::Analyze,
    ];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Kind {
    type Err = String;

    /// A kind of `callwright work`.
    fn from_str(word: &str) -> Result<Self, String> {
        let known = Self::WORK.map(Self::word).join(", ");
        Self::WORK
            .into_iter()
            .find(|kind| kind.word() == word)
            .ok_or_else(|| format!("is not a kind of work; choose of {known}"))
    }
}

words! {
    /// A line of the Procfile that nobody runs.
    Absence {
        NoDispatcher = "no_dispatcher",
        NoDialer = "no_dialer",
        NoCourier = "no_courier",
    }
}

impl Absence {
    /// What a person reads, and has to start.
    pub const fn detail(self) -> &'static str {
        match self {
            Self::NoDispatcher => {
                "no dispatcher runs, so no call is started and no timed step is taken; \
                 start `callwright work sweep step`"
            }
            Self::NoDialer => {
                "no dialer runs, so no call can be placed; start `callwright work dial redial`"
            }
            Self::NoCourier => {
                "no courier runs, so nothing is imported or exported; \
                 start `callwright work import export upload analyze`"
            }
        }
    }
}

/// How many processes do each kind of work. One that is stopping takes nothing new and does not count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fleet {
    at_work: BTreeMap<Kind, u32>,
}

impl Fleet {
    /// Count processes by what each of them does.
    pub fn of(processes: impl IntoIterator<Item = Vec<Kind>>) -> Self {
        let mut at_work = BTreeMap::new();
        for kind in processes.into_iter().flatten() {
            *at_work.entry(kind).or_insert(0) += 1;
        }
        Self { at_work }
    }

    pub fn at_work(&self, kind: Kind) -> u32 {
        self.at_work.get(&kind).copied().unwrap_or(0)
    }

    fn absence(&self, needed: &[Kind], absence: Absence) -> Option<Absence> {
        needed.iter().any(|kind| self.at_work(*kind) == 0).then_some(absence)
    }

    /// What keeps tasks from calling. Redial jobs are not asked for: the dispatcher's sweep makes up for them.
    pub fn absent_for_calls(&self) -> Vec<Absence> {
        let dispatcher = self.absence(&[Kind::Sweep], Absence::NoDispatcher);
        dispatcher.into_iter().chain(self.absence(&[Kind::Dial], Absence::NoDialer)).collect()
    }

    /// What keeps an import from being read.
    pub fn absent_for_imports(&self) -> Option<Absence> {
        self.absence(&[Kind::Import], Absence::NoCourier)
    }

    /// What keeps an export from being written.
    pub fn absent_for_exports(&self) -> Option<Absence> {
        self.absence(&[Kind::Export], Absence::NoCourier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fleet(processes: &[&[Kind]]) -> Fleet {
        Fleet::of(processes.iter().map(|kinds| kinds.to_vec()))
    }

    #[test]
    fn whoever_runs_no_line_of_the_procfile_is_told_which() {
        let dispatcher: &[Kind] = &[Kind::Sweep, Kind::Step];
        let dialer: &[Kind] = &[Kind::Dial, Kind::Redial];
        let courier: &[Kind] = &[Kind::Import, Kind::Export, Kind::Upload, Kind::Analyze];
        let all = fleet(&[dispatcher, dialer, dialer, courier]);
        assert_eq!(all.absent_for_calls(), []);
        assert_eq!((all.absent_for_imports(), all.absent_for_exports()), (None, None));
        assert_eq!((all.at_work(Kind::Dial), all.at_work(Kind::Serve)), (2, 0));

        assert_eq!(fleet(&[dialer, courier]).absent_for_calls(), [Absence::NoDispatcher]);
        assert_eq!(fleet(&[dispatcher, courier]).absent_for_calls(), [Absence::NoDialer]);
        let none = fleet(&[]);
        assert_eq!(none.absent_for_calls(), [Absence::NoDispatcher, Absence::NoDialer]);
        assert_eq!(none.absent_for_imports(), Some(Absence::NoCourier));
    }

    #[test]
    fn couriers_may_share_their_kinds_of_work() {
        let importer = fleet(&[&[Kind::Import]]);
        assert_eq!(importer.absent_for_imports(), None);
        assert_eq!(importer.absent_for_exports(), Some(Absence::NoCourier));
        assert_eq!(fleet(&[&[Kind::Upload]]).absent_for_imports(), Some(Absence::NoCourier));
    }

    #[test]
    fn a_dialer_machine_that_uploads_is_no_courier_and_the_api_is_no_work() {
        assert_eq!("dial".parse(), Ok(Kind::Dial));
        let refused = "serve".parse::<Kind>().unwrap_err();
        assert!(refused.contains("sweep, step, dial"), "{refused}");
    }

    #[test]
    fn a_sign_of_life_may_be_lost_three_times() {
        assert!(GONE_AFTER > SIGN_OF_LIFE_EVERY * 3);
    }
}
