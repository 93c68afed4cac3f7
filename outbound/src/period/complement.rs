//! Everything outside of another period.
//!
//! A task's two periods have to cover every minute once, so that neither can be edited without the other.
//! A period that is written as the complement of the other needs no edit: it follows.

use std::collections::BTreeMap;

use chrono::Weekday;

use super::{MINUTES_A_DAY, Minute, PeriodConfig, PeriodKind, Range, WEEK};
use crate::fault::Fault;
use crate::ids::PeriodId;

/// A fault in how periods refer to each other, with the period whose reference is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkFault {
    pub period: PeriodId,
    /// What it refers to.
    pub to: PeriodId,
    pub fault: Fault,
}

impl PeriodKind {
    pub const fn other(self) -> Self {
        match self {
            Self::Call => Self::DoNotCall,
            Self::DoNotCall => Self::Call,
        }
    }

    /// As the API writes it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::DoNotCall => "do_not_call",
        }
    }
}

impl PeriodConfig {
    /// The period as a person writes it: without ranges and dates that are derived.
    pub fn written(&self) -> Self {
        let mut written = self.clone();
        if self.complement_of.is_some() {
            written.ranges.clear();
            written.exceptions.clear();
        }
        written
    }

    /// This period as an edit of `old`. One that comes to follow another period leaves behind the ranges and dates
    /// that it had: an edit that names `complement_of` alone need not take them out.
    pub fn edited(mut self, old: &Self) -> Self {
        if self.complement_of.is_some() && old.complement_of.is_none() {
            if self.ranges == old.ranges {
                self.ranges.clear();
            }
            if self.exceptions == old.exceptions {
                self.exceptions.clear();
            }
        }
        self
    }

    /// This period, holding in each minute in which `other` does not.
    ///
    /// A date that differs says of both kinds whether calls may be made, so it is the same in both: on an
    /// open date one of them holds in the minutes that the other does not hold in on any weekday (a call
    /// period) or does not hold in on some (a do-not-call period), which is what each makes of it.
    pub fn outside(self, other: &Self) -> Self {
        Self { ranges: gaps(&other.ranges), exceptions: other.exceptions.clone(), ..self }
    }

    pub(super) fn check_derived(&self) -> Vec<Fault> {
        let written =
            [("/ranges", self.ranges.is_empty()), ("/exceptions", self.exceptions.is_empty())];
        let detail = "is derived from the period that `complement_of` names: leave it out, or set \
                      `complement_of` to null and write ranges";
        let written = written.into_iter().filter(|(_, empty)| !empty);
        written.map(|(pointer, _)| Fault::new(pointer, "derived", detail)).collect()
    }
}

/// The minutes of a week in none of the ranges, as ranges: days with the same gap share one.
fn gaps(ranges: &[Range]) -> Vec<Range> {
    let mut gaps: BTreeMap<(Minute, Minute), Vec<Weekday>> = BTreeMap::new();
    for weekday in WEEK {
        let mut day: Vec<&Range> = ranges.iter().filter(|range| range.on(weekday)).collect();
        day.sort_unstable_by_key(|range| range.start);
        let mut free = 0;
        for range in day {
            gap(&mut gaps, weekday, free, range.start.of_day());
            free = free.max(range.end.of_day() + 1);
        }
        gap(&mut gaps, weekday, free, MINUTES_A_DAY);
    }
    let range = |((start, end), weekdays): ((Minute, Minute), Vec<Weekday>)| Range {
        start,
        end,
        weekdays: if weekdays.len() == WEEK.len() { Vec::new() } else { weekdays },
    };
    gaps.into_iter().map(range).collect()
}

/// Note the minutes from `free` to before `taken`, if there are any.
fn gap(
    gaps: &mut BTreeMap<(Minute, Minute), Vec<Weekday>>,
    weekday: Weekday,
    free: u16,
    taken: u16,
) {
    let bounds = (Minute::new(free), taken.checked_sub(1).and_then(Minute::new));
    if let (Some(start), Some(end)) = bounds
        && start <= end
    {
        gaps.entry((start, end)).or_default().push(weekday);
    }
}

/// What is wrong with how these periods refer to each other. A complement refers to a period of the other
/// kind that has ranges of its own: one that were derived itself could refer back.
pub fn links(periods: &BTreeMap<PeriodId, PeriodConfig>) -> Vec<LinkFault> {
    let links = periods.iter().filter_map(|(id, period)| Some((id, period, period.complement_of?)));
    let fault = |(id, period, to): (&PeriodId, &PeriodConfig, PeriodId)| {
        let (pointer, code, detail) = match periods.get(&to) {
            None => ("/complement_of", "not_found", format!("there is no period {to}")),
            Some(_) if to == *id => {
                ("/complement_of", "chained", "names the period itself; name another".into())
            }
            Some(other) if other.complement_of.is_some() => (
                "/complement_of",
                "chained",
                format!(
                    "“{}” is a complement itself; name a period that has ranges of its own",
                    other.name
                ),
            ),
            Some(other) if other.kind == period.kind => (
                "/kind",
                "wrong_period_kind",
                format!(
                    "must be `{}`: “{}” is of kind `{}`, and what is outside of it is of the other",
                    other.kind.other().word(),
                    other.name,
                    other.kind.word()
                ),
            ),
            Some(_) => return None,
        };
        Some(LinkFault { period: *id, to, fault: Fault::new(pointer, code, detail) })
    };
    links.filter_map(fault).collect()
}
