//! What bodies hold, for the description alone: they are read by `input`.

use std::collections::BTreeMap;

use utoipa::ToSchema;

use super::providers::AuthMode;

macro_rules! described {
    ($($item:item)+) => {$(
        #[derive(ToSchema)]
        #[expect(dead_code, reason = "a schema only: `input` reads the body")]
        $item
    )+};
}

described! {
    /// A session to open.
    pub(super) struct ConnectSessionBody {
        /// Needed unless there are tags.
        end_user: Option<EndUserBody>,
        organization: Option<OrganizationBody>,
        tags: Option<BTreeMap<String, String>>,
        /// The keys of the integrations in which connections may be made; all without any.
        allowed_integrations: Option<Vec<String>>,
        #[schema(value_type = Option<Object>)]
        integrations_config_defaults: Option<()>,
        #[schema(value_type = Option<Object>)]
        overrides: Option<()>,
        /// Checked, and not kept.
        webhook_url_override: Option<String>,
    }

    /// A session to open for a connection that is there.
    pub(super) struct ReconnectBody {
        connection_id: String,
        /// The integration's key.
        integration_id: String,
        end_user: Option<EndUserBody>,
        organization: Option<OrganizationBody>,
        tags: Option<BTreeMap<String, String>>,
        #[schema(value_type = Option<Object>)]
        integrations_config_defaults: Option<()>,
        #[schema(value_type = Option<Object>)]
        overrides: Option<()>,
        /// Checked, and not kept.
        webhook_url_override: Option<String>,
    }

    /// A connection to import.
    pub(super) struct ImportBody {
        /// The integration's key.
        provider_config_key: String,
        /// A connection id; a UUID is made without one.
        connection_id: Option<String>,
        /// The members of the type, as the integration's provider has it.
        credentials: CredentialsBody,
        #[schema(value_type = Option<Object>)]
        connection_config: Option<()>,
        #[schema(value_type = Option<Object>)]
        metadata: Option<()>,
        /// Checked, and not kept.
        webhook_url_override: Option<String>,
        end_user: Option<EndUserBody>,
        tags: Option<BTreeMap<String, String>>,
    }

    /// Credentials: `type` and the members of that type.
    pub(super) struct CredentialsBody {
        r#type: AuthMode,
    }

    /// An end user.
    pub(super) struct EndUserBody {
        id: String,
        email: Option<String>,
        display_name: Option<String>,
        tags: Option<BTreeMap<String, String>>,
        organization: Option<OrganizationBody>,
    }

    /// The organization of an end user.
    pub(super) struct OrganizationBody {
        id: String,
        display_name: Option<String>,
    }

    /// What to change of a connection.
    pub(super) struct PatchBody {
        end_user: Option<EndUserBody>,
        /// Replaces all tags but those that tell of the end user.
        tags: Option<BTreeMap<String, String>>,
        /// Checked, and not kept.
        webhook_url_override: Option<String>,
    }

    /// Metadata of one connection or of several.
    pub(super) struct MetadataBody {
        /// One connection id, or an array of them.
        connection_id: String,
        /// The integration's key.
        provider_config_key: String,
        #[schema(value_type = Object)]
        metadata: (),
    }

    /// An integration to create.
    pub(super) struct IntegrationBody {
        /// The provider's name.
        provider: String,
        /// The integration's key.
        unique_key: String,
        display_name: Option<String>,
        #[schema(value_type = Option<Object>)]
        credentials: Option<()>,
        forward_webhooks: Option<bool>,
        #[schema(value_type = Option<Object>)]
        integration_config: Option<()>,
        #[schema(value_type = Option<Object>)]
        custom: Option<()>,
    }

    /// What to change of an integration.
    pub(super) struct IntegrationPatchBody {
        /// The key it has: keys can't be changed.
        unique_key: Option<String>,
        display_name: Option<String>,
        #[schema(value_type = Option<Object>)]
        credentials: Option<()>,
        forward_webhooks: Option<bool>,
        #[schema(value_type = Option<Object>)]
        integration_config: Option<()>,
        #[schema(value_type = Option<Object>)]
        custom: Option<()>,
    }
}
