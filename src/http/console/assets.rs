//! The style, the script and the icon: served under addresses with a digest of their content, so that browsers keep them.

use std::sync::LazyLock;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::http::fallback::nothing_here;

struct Asset {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

const ASSETS: [Asset; 3] = [
    Asset {
        name: "console.css",
        kind: "text/css; charset=utf-8",
        bytes: include_bytes!("assets/console.css"),
    },
    Asset {
        name: "console.js",
        kind: "text/javascript; charset=utf-8",
        bytes: include_bytes!("assets/console.js"),
    },
    Asset {
        name: "icon.svg",
        kind: "image/svg+xml",
        bytes: include_bytes!("assets/icon.svg"),
    },
];

/// Changes with any of them.
static DIGEST: LazyLock<String> = LazyLock::new(|| {
    let mut digest = Sha256::new();
    for asset in &ASSETS {
        digest.update(asset.bytes);
    }
    let digest = digest.finalize();
    URL_SAFE_NO_PAD.encode(digest.get(..9).unwrap_or_default())
});

/// Where they lie below the console.
pub(super) fn folder() -> String {
    format!("/assets/{}", *DIGEST)
}

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.route("/assets/{digest}/{name}", web::get().to(asset));
}

/// What an earlier release called otherwise is not there any more: its pages are gone, too.
async fn asset(request: actix_web::HttpRequest, path: web::Path<(String, String)>) -> HttpResponse {
    let (digest, name) = path.into_inner();
    match ASSETS.iter().find(|asset| asset.name == name) {
        Some(asset) if digest == *DIGEST => HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, asset.kind))
            .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"))
            .body(asset.bytes),
        _ => nothing_here(&request),
    }
}
