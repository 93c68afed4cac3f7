//! What is written to the audit log: every change of configuration, every start and stop, import,
//! export, download and full-number view.

use crate::words::words;

words! {
    /// What was done, named by what it was done to.
    Action {
        EnterpriseCreate = "enterprise.create",
        EnterpriseEdit = "enterprise.edit",
        SettingsEdit = "settings.edit",
        KeyCreate = "key.create",
        KeyRevoke = "key.revoke",
        TaskCreate = "task.create",
        TaskEdit = "task.edit",
        TaskClone = "task.clone",
        TaskDelete = "task.delete",
        TaskStart = "task.start",
        TaskPause = "task.pause",
        TaskEnd = "task.end",
        TemplateCreate = "template.create",
        TemplateEdit = "template.edit",
        TemplateDelete = "template.delete",
        PeriodCreate = "period.create",
        PeriodEdit = "period.edit",
        PeriodDelete = "period.delete",
        NavigationCreate = "navigation.create",
        NavigationEdit = "navigation.edit",
        NavigationPublish = "navigation.publish",
        NavigationDelete = "navigation.delete",
        RobotCreate = "robot.create",
        RobotEdit = "robot.edit",
        RobotDelete = "robot.delete",
        HumanAgentCreate = "agent.create",
        HumanAgentEdit = "agent.edit",
        HumanAgentDelete = "agent.delete",
        ProviderCreate = "provider.create",
        ProviderEdit = "provider.edit",
        ProviderDelete = "provider.delete",
        TrunkCreate = "trunk.create",
        TrunkEdit = "trunk.edit",
        TrunkDelete = "trunk.delete",
        CallerIdCreate = "caller_id.create",
        CallerIdEdit = "caller_id.edit",
        CallerIdDelete = "caller_id.delete",
        ImportCreate = "import.create",
        ImportCancel = "import.cancel",
        /// The file of refused rows, which holds numbers in full.
        ImportErrorsDownload = "import.errors_download",
        BatchEdit = "batch.edit",
        BatchCancel = "batch.cancel",
        BatchDelete = "batch.delete",
        NumberCancel = "number.cancel",
        NumberDelete = "number.delete",
        /// A phone number was shown in full.
        NumberReveal = "number.reveal",
        /// Somebody who sees no full numbers asked for one.
        NumberLookUp = "number.look_up",
        RecordingListen = "recording.listen",
        ExportCreate = "export.create",
        ExportCancel = "export.cancel",
        ExportDownload = "export.download",
        ExportDelete = "export.delete",
        SuppressionAdd = "suppression.add",
        SuppressionImport = "suppression.import",
        SuppressionRemove = "suppression.remove",
        JobRequeue = "job.requeue",
        JobDrop = "job.drop",
        KnowledgeCreate = "knowledge.create",
        KnowledgeEdit = "knowledge.edit",
        KnowledgeDelete = "knowledge.delete",
        KnowledgeDocumentAdd = "knowledge.document_add",
        KnowledgeDocumentDelete = "knowledge.document_delete",
        RobotRehearse = "robot.rehearse",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_reads_back_and_is_named_once() {
        let words: std::collections::BTreeSet<_> = Action::ALL.iter().map(|a| a.word()).collect();
        assert_eq!(words.len(), Action::ALL.len());
        for action in Action::ALL {
            assert_eq!(Action::from_word(action.word()), Some(*action));
        }
        assert_eq!(Action::from_word("task.explode"), None);
    }
}
