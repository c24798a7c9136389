//! Every store function, listed once: the methods of [`Conn`] that services call.

use super::checks::{Check, Finding};
use super::conn::Conn;
use super::error::StoreResult;
use super::figures::Figures;
use super::filters::{
    AuditFilter, ConnectionFilter, ConnectionSearch, DependentFilter, Due, EntryFilter, EntryOrder,
    Listing,
};
use super::records::{InUse, Key, Record};
use super::rows::{
    AccessTokenRow, AlarmRow, ApiKeyRow, AuditRow, BrakeRow, CanaryRow, ConnectTokenRow,
    ConnectionRow, DeliveryRow, DependentHead, DependentRow, EntryRow, ErasureJobRow, HoldRow,
    IdempotencyRow, ImpactRow, ImportRow, IntegrationRow, KeyEpochRow, KeyReplicaRow, LinkRow,
    LiveRecord, Moved, OrganizationRow, Place, PurgeFailureRow, ReceiptKeyRow, ReceiptRow,
    RevocationRow, Rewrapped, Sealed, SecretRow, SessionRow, ShredRow, ShreddedRow, SignInRow,
    TickRow, UseRow, WebhookRow,
};
use super::statement::Binds;
use super::{postgres, sqlite};
use crate::domain::alarms::AlarmCode;
use crate::domain::clock::Ts;
use crate::domain::ids::{
    AccessTokenId, AlarmId, BrakeId, ConnectionId, DependentId, EntryId, HoldId, ImportId,
    IntegrationId, JobId, KeyId, OrgId, ReceiptKeyId, RecordId, ReplicaId, RootId, SessionId,
    SignInId, WebhookId,
};
use crate::domain::json::JsonText;
use crate::domain::kinds::{
    DeliveryState, DependentKind, EntryState, ImportState, OwnerKind, RecordKind,
    RevocationOutcome, RootKind, Status,
};

macro_rules! dispatch {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $ty:ty),* $(,)?) -> $out:ty;)+) => {
        impl Conn {$(
            $(#[$doc])*
            pub fn $name(&mut self, $($arg: $ty),*) -> StoreResult<$out> {
                Ok(match self {
                    Self::Sqlite(conn) => sqlite::$name(conn, $($arg),*),
                    Self::Pg(conn) => postgres::$name(conn, $($arg),*),
                }?)
            }
        )+}
    };
}

dispatch! {
    /// The clock that decides: the database's.
    fn now() -> Ts;

    // Organizations and keys
    /// Adds an organization.
    fn insert_organization(row: &OrganizationRow) -> usize;
    /// Writes an organization's columns.
    fn update_organization(row: &OrganizationRow) -> usize;
    /// One organization.
    fn find_organization(org: OrgId) -> Option<OrganizationRow>;
    /// One organization by its name.
    fn find_organization_by_name(name: &str) -> Option<OrganizationRow>;
    /// A page of organizations by id.
    fn list_organizations(after: Option<OrgId>, limit: i64) -> Vec<OrganizationRow>;
    /// Adds an API key.
    fn insert_key(row: &ApiKeyRow) -> usize;
    /// One API key.
    fn find_key(org: OrgId, id: KeyId) -> Option<ApiKeyRow>;
    /// A page of API keys by id.
    fn list_keys(org: OrgId, after: Option<KeyId>, limit: i64) -> Vec<ApiKeyRow>;
    /// Revokes a key; 0 if it was revoked before or is not there.
    fn revoke_key(org: OrgId, id: KeyId, at: Ts) -> usize;
    /// Notes when a key was last used.
    fn touch_key(org: OrgId, id: KeyId, at: Ts) -> usize;

    // Integrations
    /// Adds an integration.
    fn insert_integration(row: &IntegrationRow) -> usize;
    /// Writes an integration's columns.
    fn update_integration(row: &IntegrationRow) -> usize;
    /// One live integration.
    fn find_integration(org: OrgId, id: IntegrationId) -> Option<IntegrationRow>;
    /// One live integration by its key.
    fn find_integration_by_key(org: OrgId, key: &str) -> Option<IntegrationRow>;
    /// The same, locked against change until the transaction ends; connections may still be added.
    fn lock_integration(org: OrgId, key: &str) -> Option<IntegrationRow>;
    /// The same, locked against change and new connections.
    fn lock_integration_to_delete(org: OrgId, key: &str) -> Option<IntegrationRow>;
    /// A page of live integrations by key.
    fn list_integrations(org: OrgId, connector: Option<&str>, after: Option<&str>, limit: i64) -> Vec<IntegrationRow>;
    /// Where the integration with this key is: live, else in the newest entry that holds one.
    fn place_of_integration_key(org: OrgId, key: &str) -> Option<Place>;
    /// Where an integration is; none if it is gone or never was.
    fn place_of_integration(org: OrgId, id: IntegrationId) -> Option<Place>;
    /// The integration of an entry.
    fn integration_of_entry(org: OrgId, entry: EntryId) -> Option<IntegrationRow>;
    /// Writes what a restore changes on a trashed integration.
    fn update_trashed_integration(row: &IntegrationRow) -> usize;
    /// The integration of these entries that has a key.
    fn integration_in_entries(org: OrgId, entries: &[EntryId], key: &str) -> Option<IntegrationId>;
    /// A connection of these entries under a key that has the external id or else the name; whether it is the name.
    fn connection_like_in_entries(org: OrgId, entries: &[EntryId], key: &str, name_key: &str, external_id: Option<&str>) -> Option<(ConnectionId, bool)>;
    /// The first connection of an entry whose name or external id is taken under a key: it, the holder, whether by name.
    fn connection_conflict(org: OrgId, entry: EntryId, key: &str) -> Option<(ConnectionId, ConnectionId, bool)>;
    /// The same with the connections of entries in the place of live ones.
    fn connection_conflict_in_entries(org: OrgId, entry: EntryId, key: &str, entries: &[EntryId]) -> Option<(ConnectionId, ConnectionId, bool)>;

    // Connections
    /// Adds a connection.
    fn insert_connection(row: &ConnectionRow) -> usize;
    /// Writes a connection's columns.
    fn update_connection(row: &ConnectionRow) -> usize;
    /// One live connection.
    fn find_connection(org: OrgId, id: ConnectionId) -> Option<ConnectionRow>;
    /// One live connection, locked against change until the transaction ends; children may still be added.
    fn lock_connection(org: OrgId, id: ConnectionId) -> Option<ConnectionRow>;
    /// One live connection, kept as it is until the transaction ends; others may keep it so too.
    fn share_connection(org: OrgId, id: ConnectionId) -> Option<ConnectionRow>;
    /// One live connection, locked against change and new children.
    fn lock_connection_to_delete(org: OrgId, id: ConnectionId) -> Option<ConnectionRow>;
    /// One live connection by the caller's own id.
    fn find_connection_by_external_id(org: OrgId, integration: &str, external_id: &str) -> Option<ConnectionRow>;
    /// The live connections with any of these external ids in any of these integrations.
    fn connections_by_external_ids(org: OrgId, integrations: &[&str], external_ids: &[&str]) -> Vec<ConnectionRow>;
    /// The trashed ones: external id, id and entry, the newest entry first.
    fn trashed_connections_by_external_ids(org: OrgId, integrations: &[&str], external_ids: &[&str]) -> Vec<(Option<String>, ConnectionId, EntryId)>;
    /// One live connection by its case-folded name.
    fn find_connection_by_name(org: OrgId, integration: &str, name_key: &str) -> Option<ConnectionRow>;
    /// The case-folded names that are taken.
    fn name_keys_like(org: OrgId, integration: &str) -> Vec<String>;
    /// A page of live connections by id.
    fn list_connections(org: OrgId, filter: &ConnectionFilter, after: Option<ConnectionId>, limit: i64) -> Vec<ConnectionRow>;
    /// The newest live connections before one of them.
    fn newest_connections(org: OrgId, search: &ConnectionSearch, before: Option<ConnectionId>, skip: i64, limit: i64) -> Vec<ConnectionRow>;
    /// The newest entry that holds a connection of an integration with this external id, or with this id and no external one.
    fn entry_of_connection_called(org: OrgId, integration: &str, external_id: &str, id: Option<ConnectionId>) -> Option<EntryId>;
    /// The entries that hold a connection with this external id, newest first.
    fn trashed_connections_by_external_id(org: OrgId, integration: &str, external_id: &str) -> Vec<EntryId>;
    /// The entries that hold a connection with this name, newest first.
    fn trashed_connections_by_name(org: OrgId, integration: &str, name_key: &str) -> Vec<EntryId>;
    /// Where a connection is; none if it is gone or never was.
    fn place_of_connection(org: OrgId, id: ConnectionId) -> Option<Place>;
    /// A page of trashed connections by id, with when they were deleted; or only the one.
    fn trashed_connections(org: OrgId, only: Option<ConnectionId>, after: Option<ConnectionId>, limit: i64) -> Vec<(ConnectionRow, Ts)>;
    /// A page of the connections of an entry by id.
    fn connections_of_entry(org: OrgId, entry: EntryId, after: Option<ConnectionId>, limit: i64) -> Vec<ConnectionRow>;
    /// Writes what a restore changes on a trashed connection.
    fn update_trashed_connection(row: &ConnectionRow) -> usize;
    /// The connectors of the connections of an entry.
    fn connectors_of_entry(org: OrgId, entry: EntryId) -> Vec<String>;
    /// Writes what the restore of an integration changes on its connections of one connector.
    fn update_connections_of_entry(org: OrgId, entry: EntryId, connector: &str, key: &str, status: Status, at: Ts) -> usize;

    // Models and content
    /// Adds models or content.
    fn insert_dependents(kind: DependentKind, rows: &[DependentRow]) -> usize;
    /// Writes a row's columns; 0 if its version is not the one before, or the row is gone.
    fn update_dependent(kind: DependentKind, row: &DependentRow) -> usize;
    /// One live model or piece of content.
    fn find_dependent(kind: DependentKind, org: OrgId, id: DependentId) -> Option<DependentRow>;
    /// One live model or piece of content, locked until the transaction ends.
    fn lock_dependent(kind: DependentKind, org: OrgId, id: DependentId) -> Option<DependentRow>;
    /// Which of these external ids live rows of the connection have.
    fn dependents_by_external_ids(kind: DependentKind, org: OrgId, connection: ConnectionId, external_ids: &[&str]) -> Vec<(DependentId, Option<String>)>;
    /// The live rows of these connections that have any of these external ids.
    fn dependent_rows_by_external_ids(kind: DependentKind, org: OrgId, connections: &[ConnectionId], external_ids: &[&str]) -> Vec<DependentRow>;
    /// Raises the version of live rows.
    fn touch_dependents(kind: DependentKind, org: OrgId, ids: &[DependentId], at: Ts) -> usize;
    /// The connections of these live rows.
    fn connections_of_dependents(kind: DependentKind, org: OrgId, ids: &[DependentId]) -> Vec<(DependentId, ConnectionId)>;
    /// A page of live models or content by id, without bodies.
    fn list_dependents(kind: DependentKind, org: OrgId, filter: &DependentFilter, after: Option<DependentId>, limit: i64) -> Vec<DependentHead>;
    /// Where a model or piece of content is; none if it is gone or never was.
    fn place_of_dependent(kind: DependentKind, org: OrgId, id: DependentId) -> Option<Place>;
    /// A model or piece of content as it stands in the trash.
    fn trashed_dependent_row(kind: DependentKind, org: OrgId, id: DependentId) -> Option<DependentRow>;
    /// Which of these external ids trashed rows of these connections have.
    fn trashed_external_ids(kind: DependentKind, org: OrgId, connections: &[ConnectionId], external_ids: &[&str]) -> Vec<Option<String>>;
    /// The external ids of trashed rows.
    fn external_ids_in_trash(kind: DependentKind, org: OrgId, ids: &[DependentId]) -> Vec<(DependentId, Option<String>)>;
    /// A page of live rows in any order.
    fn live_listing(kind: DependentKind, org: OrgId, listing: &Listing, limit: i64) -> Vec<(DependentHead, Option<Ts>)>;
    /// The same of trashed rows, with when they were deleted.
    fn trashed_listing(kind: DependentKind, org: OrgId, listing: &Listing, limit: i64) -> Vec<(DependentHead, Option<Ts>)>;
    /// How many live rows fit, wherever the page begins.
    fn count_live_listing(kind: DependentKind, org: OrgId, listing: &Listing) -> i64;
    /// The same of trashed rows.
    fn count_trashed_listing(kind: DependentKind, org: OrgId, listing: &Listing) -> i64;
    /// How many live rows each of these connections has; those without any are left out.
    fn dependents_per_connection(kind: DependentKind, org: OrgId, connections: &[ConnectionId]) -> Vec<(ConnectionId, i64)>;
    /// The first live rows with this external id, in whichever connections.
    fn dependents_with_external_id(kind: DependentKind, org: OrgId, external_id: &str, limit: i64) -> Vec<DependentId>;
    /// A page of the models or content of an entry by id, without bodies.
    fn dependents_of_entry(kind: DependentKind, org: OrgId, entry: EntryId, after: Option<DependentId>, limit: i64) -> Vec<DependentHead>;
    /// The first row of an entry whose external id is taken in the connection.
    fn external_id_conflict(kind: DependentKind, org: OrgId, entry: EntryId, connection: ConnectionId, except: Option<DependentId>) -> Option<DependentId>;
    /// The first row of an entry whose external id a row of the same connection in these other entries has.
    fn external_id_conflict_in_trash(kind: DependentKind, org: OrgId, entry: EntryId, others: &[EntryId], except: Option<DependentId>) -> Option<DependentId>;
    /// The row of these entries that has an external id.
    fn with_external_id_in_entries(kind: DependentKind, org: OrgId, entries: &[EntryId], external_id: &str, except: DependentId) -> Option<DependentId>;
    /// Re-attaches the rows of an entry to another connection.
    fn retarget_dependents(kind: DependentKind, org: OrgId, entry: EntryId, connection: ConnectionId) -> usize;
    /// Writes what a restore changes on a trashed model or piece of content.
    fn update_trashed_dependent(kind: DependentKind, row: &DependentRow) -> usize;

    // Links
    /// Adds links.
    fn insert_links(rows: &[LinkRow]) -> usize;
    /// Forgets all links from a piece of content, in the trash too.
    fn delete_links_from(org: OrgId, from: DependentId) -> usize;
    /// The links from any of this content.
    fn links_from(org: OrgId, from: &[DependentId]) -> Vec<(DependentId, DependentId)>;
    /// The links from any of this content that are in the trash.
    fn trashed_links_from(org: OrgId, from: &[DependentId]) -> Vec<(DependentId, DependentId)>;
    /// Forgets single links of a piece of content, in the trash too.
    fn delete_links(org: OrgId, from: DependentId, to: &[DependentId]) -> usize;
    /// A page of the links of a piece of content, with the other end's id, name and connection.
    fn list_links(org: OrgId, content_id: DependentId, outgoing: bool, after: Option<DependentId>, limit: i64) -> Vec<(DependentId, String, ConnectionId)>;

    // Secrets
    /// What is known of an owner's secrets.
    fn secrets_of(org: OrgId, kind: OwnerKind, owner: RootId) -> Vec<SecretRow>;
    /// What is known of the secrets of several owners.
    fn secrets_of_many(org: OrgId, kind: OwnerKind, owners: &[RootId]) -> Vec<SecretRow>;
    /// The shape of the secrets that these owners lost with an entry they were not the root of.
    fn shredded_of_many(org: OrgId, entry: EntryId, kind: OwnerKind, owners: &[RootId]) -> Vec<ShreddedRow>;
    /// Adds what is known of a secret.
    fn insert_secret(row: &SecretRow) -> usize;
    /// Writes a source hint.
    fn set_source_hint(org: OrgId, kind: OwnerKind, owner: RootId, field: &str, hint: Option<&str>) -> usize;
    /// Shreds these fields of an owner; how many secrets there were.
    fn shred_fields(org: OrgId, kind: OwnerKind, owner: RootId, fields: &[&str], at: Ts) -> usize;
    /// Puts a sealed record into a slot.
    fn fill_slot(org: OrgId, record: &[u8]) -> i64;
    /// A sealed record.
    fn read_slot(org: OrgId, slot: i64) -> Option<Vec<u8>>;
    /// Erases what was shredded from the database's files; outside any transaction.
    fn erase() -> Result<(), String>;
    /// Readies a connection for [`Conn::erase`].
    fn prepare_eraser() -> ();

    // The shred log
    /// Notes secrets that were shredded; how many of them were not noted yet.
    fn insert_shreds(rows: &[ShredRow]) -> usize;
    /// A page of what was shredded since a moment, in the order of time.
    fn shreds_since(since: Option<Ts>, after: Option<(Ts, RecordId)>, limit: i64) -> Vec<ShredRow>;
    /// Whether a shred is noted.
    fn knows_shred(row: &ShredRow) -> bool;
    /// Forgets what was open in an organization before a moment: how many re-entry sessions and stored answers.
    fn drop_open_before(org: OrgId, before: Ts) -> (usize, usize);
    /// When something was shredded last.
    fn newest_shred() -> Option<Ts>;
    /// Forgets what was shredded before, but for the newest of all.
    fn drop_shreds(before: Ts) -> usize;
    /// The live secrets of the owners that follow one, of all organizations; none at the end.
    fn live_records(after: Option<LiveRecord>) -> Vec<LiveRecord>;

    // Re-entry sessions
    /// Adds a session.
    fn insert_session(row: &SessionRow) -> usize;
    /// One session, whatever its state.
    fn find_session(org: OrgId, id: SessionId) -> Option<SessionRow>;
    /// Exchanges the code of an open session for a cookie; 0 if somebody did before, or it is open no more.
    fn exchange_session(org: OrgId, id: SessionId, code_digest: &str, cookie_digest: &str, at: Ts) -> usize;
    /// Gives a session the code that its visitor takes along.
    fn grant_session(org: OrgId, id: SessionId, auth_digest: &str, expires_at: Ts) -> usize;
    /// Uses that code up; 0 if somebody did before, or its time is over.
    fn redeem_session(org: OrgId, id: SessionId, auth_digest: &str, at: Ts) -> usize;
    /// Ends the open sessions of a connection; how many there were.
    fn end_sessions(org: OrgId, connection: ConnectionId, at: Ts) -> usize;
    /// Forgets the sessions that expired before.
    fn drop_expired_sessions(org: OrgId, before: Ts) -> usize;

    // Access tokens
    /// Adds a token.
    fn insert_access_token(row: &AccessTokenRow) -> usize;
    /// The token with this digest.
    fn find_access_token(org: OrgId, digest: &str) -> Option<AccessTokenRow>;
    /// A page of a connection's tokens, oldest first.
    fn list_access_tokens(org: OrgId, connection: ConnectionId, after: Option<AccessTokenId>, limit: i64) -> Vec<AccessTokenRow>;
    /// Removes a token of a connection; 0 if it has none with this id.
    fn drop_access_token(org: OrgId, connection: ConnectionId, id: AccessTokenId) -> usize;
    /// Removes all tokens of a connection; how many there were.
    fn drop_access_tokens(org: OrgId, connection: ConnectionId) -> usize;

    // Connect tokens
    /// Adds a token.
    fn insert_connect_token(row: &ConnectTokenRow) -> usize;
    /// The token with this digest, whatever its state.
    fn find_connect_token(org: OrgId, digest: &str) -> Option<ConnectTokenRow>;
    /// Ends a token; 0 if it is over already.
    fn end_connect_token(org: OrgId, id: SessionId, at: Ts) -> usize;
    /// Closes the tokens of a connection whose secrets are gone.
    fn close_connect_tokens(org: OrgId, connection: ConnectionId, at: Ts) -> usize;
    /// Forgets the tokens that expired before.
    fn drop_expired_connect_tokens(org: OrgId, before: Ts) -> usize;

    // Sign-ins
    /// Adds a sign-in.
    fn insert_sign_in(row: &SignInRow) -> usize;
    /// One sign-in, whatever its state.
    fn find_sign_in(org: OrgId, id: SignInId) -> Option<SignInRow>;
    /// Notes that somebody was there.
    fn touch_sign_in(org: OrgId, id: SignInId, at: Ts) -> usize;
    /// Sets what the next page has to tell, or forgets it.
    fn set_flash(org: OrgId, id: SignInId, flash: Option<&JsonText>) -> usize;
    /// Removes a sign-in; 0 if it is over already.
    fn drop_sign_in(org: OrgId, id: SignInId) -> usize;
    /// Forgets the sign-ins that expired before `now`, or at which nobody was there since.
    fn drop_expired_sign_ins(org: OrgId, now: Ts, since: Ts) -> usize;

    // Trash
    /// Counts what a deletion would take along.
    fn impact(kind: RootKind, binds: Binds) -> ImpactRow;
    /// The first protected row a deletion would take along: kind, id, name.
    fn first_protected(kind: RootKind, binds: Binds) -> Option<(String, RootId, String)>;
    /// Some of what a deletion would take along: table, id, name, kind word.
    fn sample(kind: RootKind, binds: Binds) -> Vec<(String, RootId, String, String)>;
    /// Some of the content elsewhere that links to what a deletion would take along.
    fn references_sample(kind: RootKind, binds: Binds) -> Vec<(DependentId, String, ConnectionId)>;
    /// Locks what a deletion takes along besides its root and content.
    fn lock_scope(kind: RootKind, binds: Binds) -> ();
    /// How many secrets a deletion would shred, and the newest key epoch of theirs.
    fn secrets_in_scope(kind: RootKind, binds: Binds) -> (i64, Option<i32>);
    /// The fields of those secrets, each once.
    fn secret_fields_in_scope(kind: RootKind, binds: Binds) -> Vec<String>;
    /// Shreds the secrets of all that a deletion takes along; how many there were.
    fn shred_scope(kind: RootKind, binds: Binds, at: Ts) -> usize;
    /// Allows the statements of this transaction more time.
    fn allow_long_statements() -> ();
    /// Tells the planner of rows that came in at once; outside any transaction.
    fn refresh_statistics() -> ();
    /// Moves what a root takes along into the trash and writes the receipt, with the names of the shredded fields.
    fn move_out(kind: RootKind, binds: Binds, fields: &JsonText) -> Moved;
    /// Brings the rows of an entry back.
    fn move_back(kind: RootKind, binds: Binds) -> Moved;
    /// Locks the entries that hold the other ends of an entry's links.
    fn lock_other_ends(binds: Binds) -> i64;
    /// Keeps the table of slots as it is until the transaction ends.
    fn hold_slots() -> ();
    /// Brings the links of an entry back: how many returned, how many lost their other end.
    fn return_links(binds: Binds) -> (usize, usize);
    /// Adds a trash entry.
    fn insert_entry(row: &EntryRow) -> usize;
    /// One trash entry.
    fn find_entry(org: OrgId, id: EntryId) -> Option<EntryRow>;
    /// One trash entry, locked until the transaction ends.
    fn lock_entry(org: OrgId, id: EntryId) -> Option<EntryRow>;
    /// The newest entry of a root, whatever its state.
    fn newest_entry_of_root(org: OrgId, kind: RootKind, root: RootId) -> Option<EntryRow>;
    /// Which of these entries a hold is on.
    fn held_among(org: OrgId, ids: &[EntryId], now: Ts) -> Vec<EntryId>;
    /// A page of trash entries.
    fn list_entries(org: OrgId, filter: &EntryFilter, order: EntryOrder, now: Ts, limit: i64) -> Vec<EntryRow>;
    /// Ids and names of those who deleted the newest entries in the trash, entry by entry.
    fn newest_deleters(org: OrgId, limit: i64) -> Vec<(String, Option<String>)>;
    /// Which of these entries a restore without overrides would bring back.
    fn restorable_among(org: OrgId, ids: &[EntryId]) -> Vec<EntryId>;
    /// Which of these connections, live or not, have anything in the trash.
    fn connections_with_trash(org: OrgId, connections: &[ConnectionId]) -> Vec<Option<ConnectionId>>;
    /// Entries in the trash by kind of root.
    fn count_entries(org: OrgId) -> Vec<(RootKind, i64)>;
    /// The same of all kinds or of one, counted no further than `most`.
    fn count_entries_up_to(org: OrgId, kind: Option<RootKind>, most: i64) -> usize;
    /// On which days (UTC) entries have their date before a moment: the first date of the day, and how many.
    fn purge_days(org: OrgId, before: Ts) -> Vec<(Option<Ts>, i64)>;
    /// The entries that a hold is on, each with its date if it is in the trash and that is before a moment.
    fn held_dates(org: OrgId, before: Ts, now: Ts) -> Vec<(EntryId, Option<Ts>)>;
    /// How many links would be live again if these entries were.
    fn links_to_return(org: OrgId, entries: &[EntryId]) -> i64;
    /// Links of an entry from content that stayed: id, name and connection of that content.
    fn broken_links(org: OrgId, entry: EntryId) -> Vec<(DependentId, String, ConnectionId)>;

    // Records
    /// Adds an audit record.
    fn insert_audit(row: &AuditRow) -> usize;
    /// Adds audit records, also of several organizations.
    fn insert_audits(rows: &[AuditRow]) -> usize;
    /// The organizations with records that have no number yet.
    fn unsealed_organizations() -> Vec<OrgId>;
    /// Records that can be numbered now, in their order.
    fn unsealed(org: OrgId, limit: i64) -> Vec<AuditRow>;
    /// How many records have no number yet.
    fn count_unsealed(org: OrgId) -> i64;
    /// Number and hash of the record that was sealed last.
    fn audit_head(org: OrgId) -> Option<(i64, String)>;
    /// Gives records their numbers; answers how many had none.
    fn put_seals(org: OrgId, seals: &[Sealed]) -> usize;
    /// Sealed records after a number, in their order.
    fn sealed_after(org: OrgId, after: i64, limit: i64) -> Vec<(AuditRow, Option<i64>, Option<String>)>;
    /// Events after a number, in their order.
    fn events_after(org: OrgId, after: i64, types: Option<&[String]>, limit: i64) -> Vec<(AuditRow, Option<i64>, Option<String>)>;
    /// One record that is an event.
    fn find_event(org: OrgId, id: RecordId) -> Option<(AuditRow, Option<i64>, Option<String>)>;
    /// Records before one, newest first.
    fn list_audit(org: OrgId, filter: &AuditFilter, before: Option<RecordId>, limit: i64) -> Vec<(AuditRow, Option<i64>, Option<String>)>;
    /// What those of these connections that are live are called.
    fn names_of_connections(org: OrgId, ids: &[ConnectionId]) -> Vec<(ConnectionId, String)>;
    /// What these keys are called.
    fn names_of_keys(org: OrgId, ids: &[KeyId]) -> Vec<(KeyId, String)>;
    /// The entries of these roots with their names, whatever their state, the newest of a root last.
    fn entries_of_roots(org: OrgId, kind: RootKind, roots: &[RootId]) -> Vec<(RootId, EntryId, String)>;
    /// Entries that are to be purged soon and were not warned of yet.
    fn unwarned_entries(org: OrgId, days: i32, now: Ts, until: Ts, limit: i64) -> Vec<EntryRow>;
    /// Notes a warning; 0 if somebody else has given it.
    fn insert_purge_warning(org: OrgId, entry: EntryId, days: i32, purge_at: Ts) -> usize;
    /// The stored answer to an idempotency key.
    fn find_idempotent(org: OrgId, key_id: KeyId, key: &str) -> Option<IdempotencyRow>;
    /// Stores an answer.
    fn insert_idempotent(row: &IdempotencyRow) -> usize;
    /// Forgets expired answers.
    fn drop_expired_idempotent(org: OrgId, now: Ts) -> usize;
    /// Whether nobody else works on what this number stands for; until the transaction ends.
    fn try_lock(lock: i64) -> bool;
    /// Adds an erasure job.
    fn insert_erasure_job(row: &ErasureJobRow) -> usize;
    /// The open erasure jobs of all organizations.
    fn open_erasure_jobs() -> Vec<ErasureJobRow>;
    /// Marks a job and its entry as erased.
    fn finish_erasure_job(org: OrgId, id: JobId, entry: Option<EntryId>, at: Ts) -> usize;
    /// Notes why the open jobs are still open.
    fn note_erasure_problem(problem: &str) -> usize;
    /// The database in numbers, with what is due by a moment; a hold that ended since, or a use since, still keeps its entry.
    fn figures(now: Ts, held_since: Ts, used_since: Ts) -> Figures;
    /// Where something is not as it must be.
    fn run_check(check: &'static Check) -> Vec<Finding>;

    // Key epochs
    /// The key epochs the database knows.
    fn list_key_epochs() -> Vec<KeyEpochRow>;
    /// Claims a key epoch.
    fn insert_key_epoch(row: &KeyEpochRow) -> usize;
    /// The epoch that new secrets are sealed under; it stays the one until the transaction ends.
    fn share_primary_epoch() -> Option<i32>;
    /// Keeps the primary epoch from being used or changed by others until the transaction ends.
    fn lock_epochs() -> ();
    /// Makes another epoch the primary one; 0 if one of them is not what it was taken for.
    fn switch_primary(from: i32, to: i32, at: Ts) -> usize;
    /// Retires an epoch that is not the primary one and that no secret is under; else 0.
    fn retire_epoch(epoch: i32, at: Ts) -> usize;
    /// Marks an epoch as destroyed that is not the primary one and that no secret is under; else 0.
    fn mark_epoch_destroyed(epoch: i32, at: Ts) -> usize;
    /// Whether a secret of any organization is under an epoch.
    fn epoch_in_use(epoch: i32) -> bool;
    /// How many secrets are under each epoch.
    fn count_secrets_by_epoch() -> Vec<(i32, i64)>;
    /// The organizations with secrets under an epoch.
    fn organizations_under(epoch: i32) -> Vec<OrgId>;
    /// A page of an organization's secrets under an epoch by slot, locked; without the record what somebody else works on.
    fn lock_secrets_under(org: OrgId, epoch: i32, after: i64, limit: i64) -> Vec<(SecretRow, Option<Vec<u8>>)>;
    /// The same without a lock and without records.
    fn secrets_under(org: OrgId, epoch: i32, after: i64, limit: i64) -> Vec<SecretRow>;
    /// Writes records that were wrapped under another epoch; how many there were still to write.
    fn store_rewrapped(org: OrgId, from: i32, to: i32, rewrapped: &[Rewrapped]) -> usize;
    /// Says that a service runs and which keys it has.
    fn beat(row: &KeyReplicaRow) -> usize;
    /// The services that have said so.
    fn list_replicas() -> Vec<KeyReplicaRow>;
    /// Forgets a service that has stopped.
    fn drop_replica(id: ReplicaId) -> usize;

    // Export and import
    /// How many rows of these kinds an organization has.
    fn count_records(org: OrgId, kinds: &[RecordKind]) -> i64;
    /// A page of the rows of one kind by their key.
    fn page_records(kind: RecordKind, org: OrgId, after: Option<Key>, limit: i64) -> Vec<Record>;
    /// Adds rows that are all of this kind.
    fn insert_records(kind: RecordKind, rows: &[Record]) -> usize;
    /// Which of these keys rows have already, live or in the trash.
    fn records_in_use(kind: RecordKind, org: OrgId, keys: &[Key]) -> Vec<(Key, InUse)>;
    /// The live connections with any of these names in any of these integrations.
    fn connections_by_names(org: OrgId, integrations: &[&str], name_keys: &[&str]) -> Vec<ConnectionRow>;
    /// Which of these keys live integrations have.
    fn integration_keys_in_use(org: OrgId, keys: &[&str]) -> Vec<String>;
    /// Lets a model that was written without its base extend it.
    fn set_base_model(org: OrgId, model: DependentId, base: DependentId) -> usize;
    /// Allows this transaction long pauses, and its statements more time.
    fn allow_long_transaction() -> ();
    /// Adds an import.
    fn insert_import(row: &ImportRow) -> usize;
    /// One import.
    fn find_import(org: OrgId, id: ImportId) -> Option<ImportRow>;
    /// Says that an open import is being worked on; 0 if it is not open any more.
    fn touch_import(org: OrgId, id: ImportId, state: ImportState, rows_read: i64, rows_total: Option<i64>) -> usize;
    /// Closes an import that is open; 0 if it is not open any more.
    fn finish_import(row: &ImportRow) -> usize;
    /// The open imports of all organizations that nobody has touched since.
    fn stale_imports(since: Ts) -> Vec<ImportRow>;

    // Revocation at the source
    /// Adds what becomes of the credentials of owners.
    fn insert_revocations(rows: &[RevocationRow]) -> usize;
    /// Closes one that is open; 0 if it is not open any more.
    fn finish_revocation(row: &RevocationRow) -> usize;
    /// How often each outcome is among those of these entries.
    fn count_revocations(org: OrgId, entries: &[EntryId]) -> Vec<(EntryId, RevocationOutcome, i64)>;
    /// Those of these owners in an entry.
    fn revocations_of_many(org: OrgId, entry: EntryId, kind: OwnerKind, owners: &[RootId]) -> Vec<RevocationRow>;
    /// The open ones of all organizations that began before a moment.
    fn stale_revocations(before: Ts) -> Vec<RevocationRow>;

    // Receipts
    /// What only the moment of a deletion knew.
    fn find_receipt(org: OrgId, entry: EntryId) -> Option<ReceiptRow>;
    /// Adds a key that receipts are signed with.
    fn insert_receipt_key(row: &ReceiptKeyRow) -> usize;
    /// The key that receipts are signed with now.
    fn current_receipt_key(org: OrgId) -> Option<ReceiptKeyRow>;
    /// Every key that receipts were signed with, oldest first.
    fn list_receipt_keys(org: OrgId) -> Vec<ReceiptKeyRow>;
    /// Ends the use of a key; 0 if it was ended before.
    fn retire_receipt_key(org: OrgId, id: ReceiptKeyId, at: Ts) -> usize;

    // Webhooks
    /// Adds a webhook endpoint.
    fn insert_webhook(row: &WebhookRow) -> usize;
    /// Writes a webhook endpoint's columns.
    fn update_webhook(row: &WebhookRow) -> usize;
    /// One webhook endpoint.
    fn find_webhook(org: OrgId, id: WebhookId) -> Option<WebhookRow>;
    /// The same, locked against change until the transaction ends.
    fn lock_webhook(org: OrgId, id: WebhookId) -> Option<WebhookRow>;
    /// An enabled webhook endpoint, locked, unless somebody else works on it.
    fn claim_webhook(org: OrgId, id: WebhookId) -> Option<WebhookRow>;
    /// A page of webhook endpoints by id.
    fn list_webhooks(org: OrgId, after: Option<WebhookId>, limit: i64) -> Vec<WebhookRow>;
    /// How many webhook endpoints an organization has.
    fn count_webhooks(org: OrgId) -> i64;
    /// Forgets a webhook endpoint with all its deliveries.
    fn delete_webhook(org: OrgId, id: WebhookId) -> usize;
    /// The enabled endpoints that have not been given all events yet.
    fn webhooks_behind() -> Vec<(OrgId, WebhookId)>;
    /// The enabled endpoints for which something is to be sent now.
    fn webhooks_due(now: Ts) -> Vec<(OrgId, WebhookId)>;
    /// The endpoints whose earlier secret signs no longer.
    fn webhooks_past_overlap(now: Ts) -> Vec<(OrgId, WebhookId)>;
    /// Adds deliveries, unless they are there.
    fn insert_deliveries(rows: &[DeliveryRow]) -> usize;
    /// How many deliveries of an endpoint are pending.
    fn count_pending_deliveries(org: OrgId, id: WebhookId) -> i64;
    /// Deliveries that are due and that nobody sends, locked.
    fn claim_deliveries(org: OrgId, id: WebhookId, now: Ts, limit: i64) -> Vec<DeliveryRow>;
    /// Leases claimed deliveries.
    fn lease_deliveries(org: OrgId, id: WebhookId, events: &[RecordId], until: Ts) -> usize;
    /// One delivery, locked until the transaction ends.
    fn lock_delivery(org: OrgId, id: WebhookId, event: RecordId) -> Option<DeliveryRow>;
    /// Writes a delivery's columns.
    fn update_delivery(row: &DeliveryRow) -> usize;
    /// A page of deliveries, newest event first.
    fn list_deliveries(org: OrgId, id: WebhookId, state: Option<DeliveryState>, before: Option<RecordId>, limit: i64) -> Vec<DeliveryRow>;
    /// Makes failed deliveries of events since a moment pending again.
    fn replay_deliveries(org: OrgId, id: WebhookId, since: Ts, now: Ts) -> usize;
    /// Lets the pending deliveries of an endpoint begin their tries anew.
    fn revive_deliveries(org: OrgId, id: WebhookId, now: Ts) -> usize;
    /// Forgets deliveries that ended before a moment.
    fn drop_deliveries(org: OrgId, id: WebhookId, before: Ts) -> usize;

    // Alarms and ticks
    /// Notes that an open alarm is still to be raised; 0 if none is open.
    fn touch_alarm(org: OrgId, code: AlarmCode, subject: &str, detail: &str, at: Ts) -> usize;
    /// Adds an alarm, unless one like it is open.
    fn insert_alarm(row: &AlarmRow) -> usize;
    /// Ends an alarm by its cause.
    fn resolve_alarm(org: OrgId, code: AlarmCode, subject: &str, at: Ts) -> usize;
    /// Ends an alarm by its id.
    fn resolve_alarm_by_id(org: OrgId, id: AlarmId, at: Ts) -> usize;
    /// Ends the alarms of a code that nobody has seen a cause for since.
    fn resolve_unseen_alarms(org: OrgId, code: AlarmCode, since: Ts, at: Ts) -> usize;
    /// One alarm.
    fn find_alarm(org: OrgId, id: AlarmId) -> Option<AlarmRow>;
    /// A page of the alarms of these organizations, newest first.
    fn list_alarms(orgs: &[OrgId], open: Option<bool>, after: Option<AlarmId>, limit: i64) -> Vec<AlarmRow>;
    /// Whether an alarm of this code is open.
    fn is_alarm_open(org: OrgId, code: AlarmCode) -> bool;
    /// Notes who took note of an alarm.
    fn acknowledge_alarm(org: OrgId, id: AlarmId, at: Ts, by: &str, by_name: Option<&str>) -> usize;
    /// What the clocks said at the last ticks, newest first.
    fn list_ticks() -> Vec<TickRow>;
    /// Writes down what the clocks say.
    fn put_tick(row: &TickRow) -> usize;
    /// Forgets what the clocks said.
    fn forget_ticks() -> usize;

    // The purge
    /// These entries, as far as they are there.
    fn entries_among(org: OrgId, ids: &[EntryId]) -> Vec<EntryRow>;
    /// An organization, locked against change until the transaction ends.
    fn lock_organization(org: OrgId) -> Option<OrganizationRow>;
    /// What the purge would take, next to go first.
    fn peek_due(org: OrgId, due: &Due, ids: Option<&[EntryId]>, limit: i64) -> Vec<EntryRow>;
    /// The same, locked, without what somebody else works on.
    fn claim_due(org: OrgId, due: &Due, ids: Option<&[EntryId]>, limit: i64) -> Vec<EntryRow>;
    /// An entry that is being purged, locked, unless somebody else works on it.
    fn claim_purging(org: OrgId, id: EntryId) -> Option<EntryRow>;
    /// Entries past their date, and the earliest date, whatever keeps them.
    fn count_past_date(org: OrgId, now: Ts) -> (i64, Option<Ts>);
    /// How many of them are held.
    fn count_held_past_date(org: OrgId, due: &Due) -> i64;
    /// How many of them a brake keeps and no hold.
    fn count_braked_past_date(org: OrgId, due: &Due) -> i64;
    /// Removes the rows of these entries for good.
    fn purge_rows_of(org: OrgId, entries: &[EntryId]) -> usize;
    /// Removes some rows of an entry that is being purged; 0 when none is left.
    fn purge_some_rows(org: OrgId, entry: EntryId, limit: i64) -> usize;
    /// Closes entries in the trash.
    fn close_entries(org: OrgId, entries: &[EntryId], state: EntryState, at: Ts, by: &str, by_name: Option<&str>) -> usize;
    /// The end of an entry that is being purged.
    fn finish_purging(org: OrgId, entry: EntryId) -> usize;
    /// Entries that are being purged.
    fn purging_entries(org: OrgId, limit: i64) -> Vec<EntryId>;
    /// How many entries have been purged since, whoever asked.
    fn count_purged_since(org: OrgId, since: Ts) -> i64;
    /// Entries in the trash.
    fn count_in_trash(org: OrgId) -> i64;
    /// Writes down that an entry could not be purged.
    fn put_purge_failure(row: &PurgeFailureRow) -> usize;
    /// Entries that could not be purged: these, or all.
    fn purge_failures_of(org: OrgId, entries: Option<&[EntryId]>, limit: i64) -> Vec<PurgeFailureRow>;
    /// How many entries could not be purged.
    fn count_purge_failures(org: OrgId) -> i64;
    /// Moves the purge date of an entry.
    fn set_purge_at(org: OrgId, entry: EntryId, at: Ts) -> usize;
    /// Puts off the purge of what was deleted from a moment on.
    fn shift_purge_dates(org: OrgId, deleted_from: Ts, seconds: i64) -> usize;
    /// Protects all that is in the trash.
    fn protect_entries(org: OrgId) -> usize;
    /// Adds a brake, unless one is on.
    fn insert_brake(row: &BrakeRow) -> usize;
    /// The brake that is on.
    fn open_brake(org: OrgId) -> Option<BrakeRow>;
    /// One brake.
    fn find_brake(org: OrgId, id: BrakeId) -> Option<BrakeRow>;
    /// A page of brakes, newest first.
    fn list_brakes(org: OrgId, after: Option<BrakeId>, limit: i64) -> Vec<BrakeRow>;
    /// Releases a brake; 0 if it was released before.
    fn release_brake(org: OrgId, id: BrakeId, at: Ts, by: &str) -> usize;
    /// How many connections each of the newest deletions since took along, those that were restored aside.
    fn connections_deleted_since(org: OrgId, since: Ts, limit: i64) -> Vec<i64>;
    /// Whether more than so many connections are live.
    fn has_more_connections(org: OrgId, number: i64) -> bool;
    /// Live connections.
    fn count_connections(org: OrgId) -> i64;
    /// Adds a hold.
    fn insert_hold(row: &HoldRow) -> usize;
    /// One hold.
    fn find_hold(org: OrgId, id: HoldId) -> Option<HoldRow>;
    /// All holds of an entry, oldest first.
    fn holds_of(org: OrgId, entry: EntryId) -> Vec<HoldRow>;
    /// Ends a hold.
    fn end_hold(org: OrgId, id: HoldId, at: Ts) -> usize;

    // Use after delete
    /// Adds what a caller used to what is known of it.
    fn add_use(row: &UseRow) -> usize;
    /// How often these entries were used, and when last; those that were not are left out.
    fn count_uses(org: OrgId, entries: &[EntryId]) -> Vec<(EntryId, i64, Ts)>;
    /// Who used an entry, the latest first.
    fn uses_of(org: OrgId, entry: EntryId, limit: i64) -> Vec<UseRow>;
    /// Which of these entries were used after a moment.
    fn used_among(org: OrgId, entries: &[EntryId], since: Ts) -> Vec<EntryId>;
    /// How many entries past their date a use keeps, and neither a hold nor a brake.
    fn count_used_past_date(org: OrgId, due: &Due) -> i64;

    // The standing check for residue
    /// Whose turn the check is, and what the last one found.
    fn find_canary(org: OrgId) -> Option<CanaryRow>;
    /// Takes the turn, if the last check ended before `due` and nobody has worked on one since `stale`; else 0.
    fn claim_canary(org: OrgId, run: JobId, now: Ts, stale: Ts, due: Ts) -> usize;
    /// Says that the check goes on; 0 if somebody else has taken over.
    fn beat_canary(org: OrgId, run: JobId, now: Ts) -> usize;
    /// Gives the turn back: when the check ended, unless it is to be made again soon, and what it found, if it could tell.
    fn end_canary(org: OrgId, run: JobId, ended: Option<Ts>, found: Option<i64>) -> usize;
}
