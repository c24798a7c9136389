//! What the calls of this dialect need, in our scopes and in Nango's words.

use crate::domain::scopes::Scope;
use crate::http::auth::Needs;

macro_rules! needs {
    ($($(#[$doc:meta])* $name:ident = $scope:expr, $also:expr, $words:literal;)+) => {$(
        $(#[$doc])*
        pub(super) struct $name;

        impl Needs for $name {
            const SCOPE: Option<Scope> = $scope;
            const ALSO: &'static [Scope] = $also;
            const WORDS: &'static str = $words;
        }
    )+};
}

needs! {
    /// Any valid key.
    AnyKey = None, &[], "";
    /// Lists connections.
    List = Some(Scope::ConnectionsRead), &[], "environment:connections:list or environment:connections:list_credentials";
    /// Reads a connection.
    Read = Some(Scope::ConnectionsRead), &[], "environment:connections:read or environment:connections:read_credentials";
    /// Imports a connection.
    Create = Some(Scope::ConnectionsWrite), &[Scope::SecretsWrite], "environment:connections:create";
    /// Changes a connection.
    Update = Some(Scope::ConnectionsWrite), &[], "environment:connections:update";
    /// Deletes a connection.
    Delete = Some(Scope::ConnectionsDelete), &[], "environment:connections:delete";
    /// Opens connect sessions.
    ConnectSessions = Some(Scope::ConnectSessionsWrite), &[], "environment:connect_sessions:write";
    /// Lists integrations.
    ListIntegrations = Some(Scope::IntegrationsRead), &[], "environment:integrations:list or environment:integrations:list_credentials";
    /// Reads an integration.
    ReadIntegration = Some(Scope::IntegrationsRead), &[], "environment:integrations:read or environment:integrations:read_credentials";
    /// Creates an integration.
    CreateIntegration = Some(Scope::IntegrationsWrite), &[Scope::SecretsWrite], "environment:integrations:create";
    /// Changes an integration.
    UpdateIntegration = Some(Scope::IntegrationsWrite), &[Scope::SecretsWrite], "environment:integrations:update";
    /// Deletes an integration with its connections.
    DeleteIntegration = Some(Scope::IntegrationsDelete), &[], "environment:integrations:delete";
}
