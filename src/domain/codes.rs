//! The catalogue of problems: every code a client may match on, with its status, its title and what to do next.
//!
//! One table. Problem documents, the OpenAPI document and docs/status-codes.md are made from it; a code is never
//! renamed.

macro_rules! codes {
    ($($variant:ident = $code:literal, $status:literal, $title:literal, $next:literal;)+) => {
        /// A stable problem code.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Code {$(
            #[doc = $title]
            $variant,
        )+}

        impl Code {
            /// Every code there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word clients match on.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The HTTP status it is answered with.
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)+ }
            }

            /// What is wrong, for every occurrence.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }

            /// What the reader does next.
            pub fn next(self) -> &'static str {
                match self { $(Self::$variant => $next,)+ }
            }

            /// Reads the word.
            pub fn parse(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

codes! {
    MalformedJson = "malformed_json", 400, "The body is not JSON", "Send one valid JSON document in UTF-8.";
    InvalidRequest = "invalid_request", 400, "The request line or a header is not valid", "Correct what the detail names.";
    Unauthenticated = "unauthenticated", 401, "No valid API key", "Send `Authorization: Bearer <API key>` with a key that is neither expired nor revoked.";
    MissingScope = "missing_scope", 403, "The key lacks a scope", "Ask for a key with the scope the detail names.";
    NotFound = "not_found", 404, "There is no such thing", "Check the id; what belongs to another organization answers the same.";
    NoReceipt = "no_receipt", 404, "The deletion has no receipt", "Nothing: an imported deletion, or one from before there were receipts, has none.";
    MethodNotAllowed = "method_not_allowed", 405, "The method is not allowed here", "Use one of the methods in the Allow header.";
    RequestTimeout = "request_timeout", 408, "The request took too long to arrive", "Send the body without pauses.";
    RequestInProgress = "request_in_progress", 409, "The same request is being worked on", "Repeat it with the same Idempotency-Key a little later.";
    SecretAlreadyShown = "secret_already_shown", 409, "The answer held a secret that is shown once", "Revoke what was made and make another, if the first answer was lost.";
    NameTaken = "name_taken", 409, "The name is taken", "Use another name; `suggested_name` is free. With `entry_id` it is that of a parent in the trash: restore that first.";
    ExternalIdTaken = "external_id_taken", 409, "The external id is taken", "Use another external id, or update the row that has it. With `entry_id` it is that of a parent in the trash: restore that first.";
    TokenTaken = "token_taken", 409, "The access token names another connection", "Remove it from the connection that has it, or make a new one.";
    DeletionProtected = "deletion_protected", 409, "A protected row would be deleted", "Lift the deletion protection of the row that is named, if you may.";
    PlanStale = "plan_stale", 409, "What would happen has changed since the plan", "Look at the new numbers and repeat with the new plan_token.";
    AlreadyInTrash = "already_in_trash", 409, "One like it is in the trash", "Restore that entry, or create with `on_trashed: new`.";
    Ambiguous = "ambiguous", 409, "More than one trash entry fits", "Restore one of `entries` by its id.";
    ParentInTrash = "parent_in_trash", 409, "A parent is in the trash", "Restore with `with_ancestors: true`, restore the parent's entry first, or give a `target`.";
    ParentPurged = "parent_purged", 409, "A parent is gone for good", "Restore with a `target`.";
    ParentMoved = "parent_moved", 409, "A parent is in another connection now", "Restore with a `target`.";
    EntryClosed = "entry_closed", 409, "The entry is no longer in the trash", "Its `state` says what became of it.";
    NeedsCredentials = "needs_credentials", 409, "Required secrets are missing", "Enter the secrets in `missing`.";
    TestRequired = "test_required", 409, "A test has to pass first", "Test the connection: `POST /v1/connections/{id}/test`.";
    Held = "held", 409, "A hold keeps the entry", "Lift the holds first.";
    PurgeProtected = "purge_protected", 409, "Purge protection keeps the entry until its date", "Wait for `purge_at`.";
    MinRetention = "min_retention", 409, "The service keeps everything for a minimum time", "Wait until `keep_until`.";
    Braked = "braked", 409, "A brake on mass deletion keeps the entry", "Release the brake, if you may: `DELETE /v1/brakes/{id}` with `brake_id`.";
    NotInTrash = "not_in_trash", 409, "Some of the ids are not of entries in the trash", "Nothing was done: read the list again; `ids` names them.";
    ConcurrentChange = "concurrent_change", 409, "Other requests kept changing the same rows", "Read again and repeat.";
    InTrash = "in_trash", 410, "It is in the trash", "Restore the entry in `entry_id`.";
    ImportRunning = "import_running", 409, "An import of this organization is running or waiting", "Wait until `GET /v1/imports/{id}` says `done` or `failed`; `import_id` names it.";
    VersionMismatch = "version_mismatch", 412, "It has changed since it was read", "Read it again and repeat with the new ETag.";
    BodyTooLarge = "body_too_large", 413, "The body is too large", "Send less; the detail names the limit.";
    UnsupportedMediaType = "unsupported_media_type", 415, "The body has the wrong content type or encoding", "Send it as the type that the detail names, not compressed.";
    InvalidInput = "invalid_input", 422, "Some input is not valid", "Correct what `errors` points at.";
    SecretInSettings = "secret_in_settings", 422, "A setting holds a secret", "Move it into `secrets`.";
    SecretsRequired = "secrets_required", 422, "A change of destination needs the secrets again", "Enter the secrets in `missing` in the same call.";
    IdempotencyKeyReused = "idempotency_key_reused", 422, "The idempotency key was used for another request", "Use a fresh key for each request.";
    ConfirmMismatch = "confirm_mismatch", 422, "The name does not match", "Send the exact name of the entry's root.";
    TooManyTests = "too_many_tests", 429, "Too many tests of this organization", "Repeat after the seconds in Retry-After.";
    DeletionBrake = "deletion_brake", 429, "Deletions are stopped after a mass deletion", "Ask whoever may to look and to release the brake: `DELETE /v1/brakes/{id}` with `brake_id`.";
    InternalError = "internal_error", 500, "Something went wrong here", "Repeat with the same Idempotency-Key; report the request_id if it stays.";
    Busy = "busy", 503, "The service is busy or its database is not available", "Repeat after the seconds in Retry-After.";
    Locked = "locked", 503, "The encryption key is missing", "Put the key back into the keyring; everything but secrets works meanwhile.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_one_word_that_reads_back() {
        for code in Code::ALL {
            assert!(
                code.as_str()
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c == '_')
            );
            assert_eq!(Code::parse(code.as_str()), Some(*code));
            assert!((400..=599).contains(&code.status()));
        }
    }
}
