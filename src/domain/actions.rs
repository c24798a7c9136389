//! The catalogue of what is written down: every action of an audit record, whether it is announced as an event, and what it
//! means. docs/events.md is compared with it.
//!
//! What must stay true: a word is never renamed, and what is written down is in here.

/// One thing that can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Action {
    /// The word: a family and what happened.
    pub word: &'static str,
    /// Whether it is an event, too.
    pub announced: bool,
    /// What happened, in one line.
    pub meaning: &'static str,
}

const fn event(word: &'static str, meaning: &'static str) -> Action {
    Action {
        word,
        announced: true,
        meaning,
    }
}

const fn record(word: &'static str, meaning: &'static str) -> Action {
    Action {
        word,
        announced: false,
        meaning,
    }
}

/// Every action there is, by its word. Refused calls are written down under their method and path instead.
pub const ACTIONS: &[Action] = &[
    event("alarm.acknowledged", "Somebody took note of an alarm"),
    event(
        "alarm.raised",
        "An alarm of the organization or of the service was raised",
    ),
    event("api_key.created", "An API key was made"),
    event("api_key.revoked", "An API key was revoked"),
    event("brake.released", "A brake on mass deletion was released"),
    event(
        "brake.started",
        "A mass deletion started the brake: the purge clock of these entries stands still",
    ),
    event(
        "connect_session.ended",
        "A session in which an end user connects was ended",
    ),
    event(
        "connect_session.opened",
        "A session in which an end user connects, or enters secrets, was opened",
    ),
    event(
        "connection.access_token_created",
        "An access token of a connection was made or registered",
    ),
    event(
        "connection.access_token_removed",
        "An access token of a connection was removed",
    ),
    event("connection.created", "A connection was made"),
    event(
        "connection.credentials_entered",
        "Secrets of a connection were entered or cleared",
    ),
    event(
        "connection.credentials_lost",
        "Secrets of a connection can't be opened any more, since their key is lost",
    ),
    event("connection.reentry_created", "A re-entry link was made"),
    event(
        "connection.reentry_ended",
        "A re-entry link or session was ended",
    ),
    event("connection.reentry_opened", "A re-entry link was followed"),
    event(
        "connection.restored",
        "A connection was restored, with what was deleted with it; it needs its credentials",
    ),
    event(
        "connection.revocation_failed",
        "A credential could not be revoked at its source",
    ),
    event(
        "connection.revoked",
        "A credential was revoked at its source",
    ),
    event(
        "connection.secrets_shredded",
        "Secrets of a connection were shredded with its deletion",
    ),
    event(
        "connection.shredded_again",
        "Secrets of a connection came back with an older database and were shredded again",
    ),
    event("connection.tested", "A connection was tested"),
    event(
        "connection.trashed",
        "A connection was deleted: it is in the trash with its models and content",
    ),
    event("connection.updated", "A connection was changed"),
    event("content.batch_created", "Content was made"),
    event("content.created", "Content was made"),
    event("content.restored", "Content was restored"),
    event("content.trashed", "Content was deleted"),
    event("content.updated", "Content was changed"),
    event("import.accepted", "A file was taken to be imported"),
    event("import.done", "An import is done"),
    event("import.failed", "An import failed and changed nothing"),
    event("import.superset", "A ZIP of Superset was imported"),
    event(
        "import.validated",
        "A file was checked and could be imported",
    ),
    event("integration.created", "An integration was made"),
    event(
        "integration.credentials_lost",
        "Secrets of an integration can't be opened any more, since their key is lost",
    ),
    event(
        "integration.restored",
        "An integration was restored with its connections",
    ),
    event(
        "integration.revocation_failed",
        "A credential of an integration could not be revoked at its source",
    ),
    event(
        "integration.revoked",
        "A credential of an integration was revoked at its source",
    ),
    event(
        "integration.secrets_shredded",
        "Secrets of an integration or its connections were shredded with its deletion",
    ),
    event(
        "integration.shredded_again",
        "Secrets of an integration came back with an older database and were shredded again",
    ),
    event(
        "integration.trashed",
        "An integration was deleted with its connections",
    ),
    event("integration.updated", "An integration was changed"),
    event("model.batch_created", "Models were made"),
    event("model.created", "A model was made"),
    event("model.restored", "A model was restored"),
    event("model.trashed", "A model was deleted"),
    event("model.updated", "A model was changed"),
    event("organization.created", "The organization was made"),
    event(
        "organization.restored_from_backup",
        "The service started on an older database",
    ),
    event("organization.updated", "The organization was changed"),
    event("purge.paused", "The purge was paused"),
    event("purge.resumed", "The purge goes on"),
    event(
        "receipt_key.created",
        "A key that receipts are signed with was made",
    ),
    event(
        "receipt_key.retired",
        "A key that receipts were signed with is lost: the next receipt gets another one",
    ),
    event("retention.updated", "The retention was changed"),
    event("trash.held", "A hold was put on an entry"),
    event("trash.hold_released", "A hold was lifted"),
    event(
        "trash.purge_soon",
        "An entry is purged in less than 7 days, or in less than 1",
    ),
    event(
        "trash.purged",
        "An entry was purged: its rows are gone for good",
    ),
    event(
        "trash.purging",
        "A large entry is being purged: nothing brings it back",
    ),
    event("trash.rescheduled", "The purge date of an entry was moved"),
    event("webhook.created", "A webhook endpoint was made"),
    event("webhook.deleted", "A webhook endpoint was deleted"),
    event(
        "webhook.disabled",
        "A webhook endpoint is told nothing any more: it is gone, took nothing for three days, or lost its secret",
    ),
    event(
        "webhook.replayed",
        "Deliveries to a webhook endpoint are sent again",
    ),
    event(
        "webhook.secret_rotated",
        "A webhook endpoint got another signing secret",
    ),
    event("webhook.updated", "A webhook endpoint was changed"),
    record(
        "connection.secrets_read",
        "Secrets of a connection were read",
    ),
    record(
        "connector.tested",
        "Settings that are not stored were tested",
    ),
    record(
        "integration.secrets_read",
        "Secrets of an integration were read",
    ),
    record("key_epoch.destroyed", "An encryption key was destroyed"),
    record("key_epoch.retired", "An encryption key is no longer used"),
    record(
        "key_epoch.rewrapped",
        "Secrets were wrapped under another key",
    ),
    record(
        "key_epoch.switched",
        "New secrets are sealed under another key",
    ),
    record("organization.exported", "The organization was exported"),
    record("sign_in.ended", "Somebody signed out of the console"),
    record(
        "sign_in.opened",
        "Somebody signed in to the console by an API key",
    ),
    record(
        "webhook.tested",
        "A test message was sent to a webhook endpoint",
    ),
];

/// The action of this word.
pub fn find(word: &str) -> Option<&'static Action> {
    ACTIONS.iter().find(|action| action.word == word)
}

/// The words that a pattern stands for: a word, or a family (`connection.*`). `None` if it is neither.
pub fn matching(pattern: &str) -> Option<Vec<&'static str>> {
    let words: Vec<&str> = match pattern.strip_suffix('*') {
        Some(family) if family.ends_with('.') => ACTIONS
            .iter()
            .map(|action| action.word)
            .filter(|word| word.starts_with(family))
            .collect(),
        Some(_) => Vec::new(),
        None => find(pattern)
            .map(|action| action.word)
            .into_iter()
            .collect(),
    };
    (!words.is_empty()).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_there_once_and_in_order_of_what_is_announced() {
        for list in [true, false] {
            let words: Vec<_> = ACTIONS
                .iter()
                .filter(|action| action.announced == list)
                .map(|action| action.word)
                .collect();
            let mut sorted = words.clone();
            sorted.sort_unstable();
            sorted.dedup();
            assert_eq!(words, sorted);
        }
    }

    #[test]
    fn a_pattern_is_a_word_or_a_family() {
        assert_eq!(matching("trash.held"), Some(vec!["trash.held"]));
        let family = matching("purge.*").unwrap();
        assert_eq!(family, ["purge.paused", "purge.resumed"]);
        for no in [
            "", "*", "purge*", "purge", "purge.", "purge.no", "no.*", ".*",
        ] {
            assert_eq!(matching(no), None, "{no}");
        }
    }
}
