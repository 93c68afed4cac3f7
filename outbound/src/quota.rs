//! How many of each thing an enterprise may have, so that no enterprise fills the disks or slows the lists of the
//! others. `docs/limits.md` is written from this.

/// What is counted, for an enterprise or for one thing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quota {
    Tasks,
    Templates,
    Periods,
    Navigations,
    NavigationVersions,
    Robots,
    HumanAgents,
    Providers,
    Trunks,
    CallerIds,
    Keys,
    Batches,
    Imports,
    Exports,
    Suppressions,
    ImportsWaiting,
    ExportsWaiting,
    IdempotencyKeys,
    KnowledgeBases,
    KnowledgeDocuments,
    KnowledgeBytes,
}

/// API keys that were revoked and are still in the list; of more the oldest go.
pub const REVOKED_KEYS_KEPT: i64 = 1_000;

/// Hours that the reply to a request with an idempotency key is kept.
pub const IDEMPOTENCY_KEPT_HOURS: i32 = 24;

/// How a quota that is used up is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// 409: somebody has to make room.
    MakeRoom,
    /// 429: room comes by itself, and asking again after so many seconds is worth it.
    AskAgain { seconds: u64 },
}

impl Quota {
    pub const ALL: [Self; 21] = [
        Self::Tasks,
        Self::Templates,
        Self::Periods,
        Self::Navigations,
        Self::NavigationVersions,
        Self::Robots,
        Self::HumanAgents,
        Self::Providers,
        Self::Trunks,
        Self::CallerIds,
        Self::Keys,
        Self::Batches,
        Self::Imports,
        Self::Exports,
        Self::Suppressions,
        Self::ImportsWaiting,
        Self::ExportsWaiting,
        Self::IdempotencyKeys,
        Self::KnowledgeBases,
        Self::KnowledgeDocuments,
        Self::KnowledgeBytes,
    ];

    /// So many there may be.
    pub const fn max(self) -> u64 {
        match self {
            Self::Trunks | Self::Providers => 200,
            Self::Templates
            | Self::Periods
            | Self::Navigations
            | Self::NavigationVersions
            | Self::Robots
            | Self::Keys
            | Self::KnowledgeDocuments => 1_000,
            Self::Exports => 2_000,
            Self::Tasks | Self::HumanAgents | Self::CallerIds | Self::Batches | Self::Imports => {
                10_000
            }
            Self::Suppressions => 10_000_000,
            Self::ImportsWaiting => 50,
            Self::ExportsWaiting => 20,
            Self::IdempotencyKeys => 100_000,
            Self::KnowledgeBases => 100,
            Self::KnowledgeBytes => 200_000_000,
        }
    }

    /// The code of the problem, stable.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Tasks => "tasks_max",
            Self::Templates => "templates_max",
            Self::Periods => "periods_max",
            Self::Navigations => "navigations_max",
            Self::NavigationVersions => "navigation_versions_max",
            Self::Robots => "robots_max",
            Self::HumanAgents => "agents_max",
            Self::Providers => "providers_max",
            Self::Trunks => "trunks_max",
            Self::CallerIds => "caller_ids_max",
            Self::Keys => "keys_max",
            Self::Batches => "task_batches_max",
            Self::Imports => "imports_max",
            Self::Exports => "exports_max",
            Self::Suppressions => "suppressions_max",
            Self::ImportsWaiting => "imports_waiting_max",
            Self::ExportsWaiting => "exports_waiting_max",
            Self::IdempotencyKeys => "idempotency_keys_max",
            Self::KnowledgeBases => "knowledge_max",
            Self::KnowledgeDocuments => "knowledge_documents_max",
            Self::KnowledgeBytes => "knowledge_bytes_max",
        }
    }

    /// What is counted, and where.
    pub const fn what(self) -> &'static str {
        match self {
            Self::Tasks => "tasks in one enterprise",
            Self::Templates => "templates in one enterprise",
            Self::Periods => "periods in one enterprise",
            Self::Navigations => "voice navigations in one enterprise",
            Self::NavigationVersions => "published versions of one voice navigation",
            Self::Robots => "robots in one enterprise",
            Self::HumanAgents => "human agents in one enterprise",
            Self::Providers => "providers in one enterprise",
            Self::Trunks => "trunks in one enterprise",
            Self::CallerIds => "caller IDs in one enterprise",
            Self::Keys => "API keys in one enterprise that are not revoked",
            Self::Batches => "batches in one task",
            Self::Imports => "imports in one enterprise whose files are kept",
            Self::Exports => "exports in one enterprise whose files are kept",
            Self::Suppressions => "do-not-call entries in one enterprise",
            Self::ImportsWaiting => "imports of one enterprise that wait or run",
            Self::ExportsWaiting => "exports of one enterprise that wait or run",
            Self::IdempotencyKeys => "idempotency keys of one enterprise that are kept",
            Self::KnowledgeBases => "knowledge bases in one enterprise",
            Self::KnowledgeDocuments => "documents in one knowledge base",
            Self::KnowledgeBytes => "bytes of all documents in one enterprise",
        }
    }

    /// What to do where they are used up.
    pub const fn mend(self) -> &'static str {
        match self {
            Self::Tasks
            | Self::Templates
            | Self::Periods
            | Self::Navigations
            | Self::Robots
            | Self::HumanAgents
            | Self::Providers
            | Self::Trunks
            | Self::CallerIds
            | Self::KnowledgeBases
            | Self::KnowledgeDocuments
            | Self::KnowledgeBytes => "delete those that are not needed",
            Self::NavigationVersions => "go on with a new voice navigation of the same nodes",
            Self::Keys => "revoke those that are not needed",
            Self::Batches => "import into another task, or delete batches that are over",
            Self::Imports => {
                "their files go with time; the setting import_file_retention_days says after how many days"
            }
            Self::Exports => "their files go after seven days",
            Self::Suppressions => "remove entries that have expired",
            Self::ImportsWaiting | Self::ExportsWaiting => {
                "send it again when some have ended, or cancel some"
            }
            Self::IdempotencyKeys => "they go after 24 hours; requests without one are taken",
        }
    }

    pub const fn full(self) -> Full {
        match self {
            Self::ImportsWaiting | Self::ExportsWaiting => Full::AskAgain { seconds: 10 },
            Self::IdempotencyKeys => Full::AskAgain { seconds: 600 },
            _ => Full::MakeRoom,
        }
    }

    /// Why one more is refused where there are `n`.
    pub fn refusal(self, n: u64) -> String {
        format!("at most {} {}, and there are {n}; {}", self.max(), self.what(), self.mend())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_limit_has_a_code_of_its_own_and_says_what_how_many_and_what_to_do() {
        let all: BTreeSet<Quota> = Quota::ALL.into_iter().collect();
        let codes: BTreeSet<&str> = Quota::ALL.iter().map(|quota| quota.code()).collect();
        assert_eq!((all.len(), codes.len()), (Quota::ALL.len(), Quota::ALL.len()));
        let told = Quota::Robots.refusal(1_000);
        let right = "at most 1000 robots in one enterprise, and there are 1000; delete those that are not needed";
        assert_eq!(told, right);
    }
}
