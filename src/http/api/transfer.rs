//! Export and import of an organization.

use std::io::{BufWriter, Write as _};

use actix_web::{HttpResponse, get, post};

use crate::domain::ids::ImportId;
use crate::domain::kinds::ImportSource;
use crate::http::answer::Accepted;
use crate::http::auth::{Auth, Download, needs};
use crate::http::problem::ApiError;
use crate::jobs::importer::Job;
use crate::service::error::Error;
use crate::service::transfer::{self, ExportOptions, ImportView, NewImport};

const NDJSON: &str = "application/x-ndjson";
const ZIP: &str = "application/zip";

/// Exports the organization, live and in the trash, without secrets: one snapshot, one JSON object a line
/// (docs/ndjson.md). The answer begins when the export is complete.
#[utoipa::path(
    operation_id = "export_organization", tag = "transfer",
    params(("live_only" = Option<bool>, Query, description = "Leave the trash out")),
    responses((status = 200, content_type = "application/x-ndjson", body = String)),
    security(("api_key" = ["data:export"])),
    extensions(("x-error-codes" = json!(["invalid_input"])))
)]
#[get("/v1/export")]
pub(super) async fn export_organization(
    auth: Auth<needs::DataExport>,
) -> Result<HttpResponse, ApiError> {
    auth.download(&["live_only"], |services, caller, input| {
        let options = ExportOptions {
            live_only: input.flag("live_only")?.unwrap_or(false),
        };
        let broken = |error: std::io::Error| {
            Error::Internal(format!("the export can't be written: {error}"))
        };
        let file = services.spool.file().map_err(broken)?;
        let mut out = BufWriter::new(file);
        let exported = transfer::export(services, caller, options, &mut out, &())?;
        out.flush().map_err(broken)?;
        let file = out
            .into_inner()
            .map_err(|error| broken(error.into_error()))?;
        Ok(Download {
            file,
            // The names of organizations are of a-z, 0-9 and hyphens.
            name: format!("{}.ndjson", exported.organization),
            media_type: NDJSON,
        })
    })
    .await
}

/// Imports a file: an export of Reprieve (`application/x-ndjson`), or a ZIP of Apache Superset (`application/zip`, which
/// needs `connections:write` too). All of it or nothing; the answer comes when the file has arrived, and `Location` says
/// where to look what became of it.
#[utoipa::path(
    operation_id = "import_file", tag = "transfer",
    params(("validate_only" = Option<bool>, Query, description = "Only says what would happen")),
    request_body(content((String = "application/x-ndjson"), (String = "application/zip")), description = "The file, as it is"),
    responses((status = 202, body = ImportView)),
    security(("api_key" = ["data:import"])),
    extensions(("x-error-codes" = json!(["import_running"])))
)]
#[post("/v1/import")]
pub(super) async fn import_file(
    mut auth: Auth<needs::DataImport>,
) -> Result<HttpResponse, ApiError> {
    // A ZIP may hold passwords.
    auth = auth.closing();
    let spooled = auth.spool(&[NDJSON, ZIP]).await?;
    let id = ImportId::mint();
    let source = if spooled.media_type == ZIP {
        ImportSource::Superset
    } else {
        ImportSource::Ndjson
    };
    let bytes = spooled.bytes;
    auth.accept(
        &["validate_only"],
        move |services, tx, input| {
            let new = NewImport {
                id,
                source,
                validate_only: input.flag("validate_only")?.unwrap_or(false),
                bytes,
            };
            transfer::accept(tx, &services.importer, &new).map(Accepted)
        },
        move |services, caller, accepted| match accepted {
            Some(Accepted(view)) => services.importer.submit(
                services,
                Job {
                    caller: caller.clone(),
                    id,
                    source,
                    validate_only: view.validate_only,
                    file: spooled.file,
                },
            ),
            None => services.importer.release(caller.org, id),
        },
    )
    .await
}

/// Says how far an import is and, when it is over, what it wrote or what is wrong with the file.
#[utoipa::path(
    operation_id = "get_import", tag = "transfer",
    params(("id" = String, Path, description = "The import's id")),
    responses((status = 200, body = ImportView)),
    security(("api_key" = ["data:import"])),
    extensions(("x-error-codes" = json!(["not_found"])))
)]
#[get("/v1/imports/{id}")]
pub(super) async fn get_import(auth: Auth<needs::DataImport>) -> Result<HttpResponse, ApiError> {
    auth.read_with(&[], |services, conn, caller, input| {
        let id = input.id("import", ImportId::parse)?;
        let view = transfer::get(conn, caller, &services.importer, id)?;
        Ok((view, None))
    })
    .await
}
