//! The native API, `/v1`: one file a resource. A new endpoint is a handler with its description and a line in
//! [`routes`].

mod access_tokens;
mod alarms;
mod audit;
mod bulk;
mod connections;
mod connectors;
mod content;
mod deletion;
mod events;
mod integrations;
mod keys;
mod links;
mod models;
mod organizations;
mod receipts;
mod reentry;
mod retention;
mod secrets;
mod system;
mod transfer;
mod trash;
mod webhooks;

use utoipa_actix_web::service_config::ServiceConfig;

/// Every route.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(system::healthz)
        .service(system::readyz)
        .service(system::openapi_json)
        .service(system::whoami)
        .service(connectors::list_connectors)
        .service(connectors::test_connector)
        .service(integrations::create_integration)
        .service(integrations::list_integrations)
        .service(integrations::get_integration)
        .service(integrations::patch_integration)
        .service(integrations::get_integration_secrets)
        .service(integrations::put_integration_secrets)
        .service(deletion::get_integration_impact)
        .service(deletion::delete_integration)
        .service(connections::create_connection)
        .service(connections::list_connections)
        .service(connections::get_connection)
        .service(connections::patch_connection)
        .service(connections::upsert_connection)
        .service(deletion::get_connection_impact)
        .service(deletion::delete_connection)
        .service(bulk::delete_connections)
        .service(secrets::get_connection_secrets)
        .service(secrets::put_connection_secrets)
        .service(secrets::test_connection)
        .service(reentry::create_reentry_session)
        .service(reentry::end_reentry_session)
        .service(access_tokens::create_access_token)
        .service(access_tokens::list_access_tokens)
        .service(access_tokens::remove_access_token)
        .service(models::create_model)
        .service(models::create_models)
        .service(models::list_models)
        .service(models::upsert_model)
        .service(models::get_model)
        .service(models::patch_model)
        .service(deletion::get_model_impact)
        .service(deletion::delete_model)
        .service(content::create_content)
        .service(content::create_contents)
        .service(content::list_content)
        .service(content::upsert_content)
        .service(content::get_content)
        .service(content::patch_content)
        .service(links::list_content_links)
        .service(deletion::get_content_impact)
        .service(deletion::delete_content)
        .service(trash::list_trash)
        .service(trash::get_trash_summary)
        .service(trash::get_trash_entry)
        .service(trash::list_trash_items)
        .service(trash::restore_trash_entry)
        .service(bulk::restore_trash_entries)
        .service(trash::purge_trash_entry)
        .service(trash::patch_trash_entry)
        .service(trash::purge_due_entries)
        .service(trash::create_hold)
        .service(trash::release_hold)
        .service(receipts::get_receipt)
        .service(receipts::list_receipt_keys)
        .service(retention::get_retention)
        .service(retention::put_retention)
        .service(retention::get_purge)
        .service(retention::put_purge_pause)
        .service(retention::list_brakes)
        .service(retention::release_brake)
        .service(transfer::export_organization)
        .service(transfer::import_file)
        .service(transfer::get_import)
        .service(alarms::list_alarms)
        .service(alarms::acknowledge_alarm)
        .service(audit::list_audit)
        .service(audit::get_audit_head)
        .service(events::list_events)
        .service(webhooks::create_webhook)
        .service(webhooks::list_webhooks)
        .service(webhooks::get_webhook)
        .service(webhooks::patch_webhook)
        .service(webhooks::delete_webhook)
        .service(webhooks::rotate_webhook_secret)
        .service(webhooks::test_webhook)
        .service(webhooks::list_webhook_deliveries)
        .service(webhooks::replay_webhook_delivery)
        .service(webhooks::replay_webhook)
        .service(keys::create_api_key)
        .service(keys::list_api_keys)
        .service(keys::get_api_key)
        .service(keys::revoke_api_key)
        .service(organizations::create_organization)
        .service(organizations::list_organizations)
        .service(organizations::get_organization)
        .service(organizations::patch_organization);
}
