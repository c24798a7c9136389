//! `reprieve serve`: the service.

use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::process::ExitCode;

use actix_web::rt::System;

use super::output::{remark, try_say};
use crate::app::Application;
use crate::config::{Config, LogFormat};
use crate::secrets::KeySource;
use crate::service::bootstrap::{self, FirstStart, KeyTo};

/// The file of the first key, in the data folder.
const KEY_FILE: &str = "admin.key";

pub(super) fn run(config: Config, log: LogFormat) -> anyhow::Result<ExitCode> {
    let key_file = config.data_dir.join(KEY_FILE);
    let application = Application::build(config.clone())?;
    let key_to = if io::stdout().is_terminal() {
        KeyTo::Screen
    } else {
        KeyTo::File(&key_file)
    };
    let first = bootstrap::first_start(application.services(), key_to)?;

    let url = match &config.public_url {
        Some(url) => url.to_string().trim_end_matches('/').to_owned(),
        None => format!("http://{}", application.address()),
    };
    match log {
        LogFormat::Text => {
            remark(&banner(&config, &url, &key_note(&first, &key_file)));
            if let FirstStart::KeyWritten(file) = &first {
                remark(&example(&format!("$(cat {})", file.display()), &url));
            }
        }
        // A reader of JSON lines gets nothing else.
        LogFormat::Json => {
            tracing::info!(url, database = %config.database, admin_key = key_note(&first, &key_file), "started");
        }
    }
    if let FirstStart::KeyToShow(key) = &first {
        try_say(&format!("\n{key}\n\n{}\n", example("$KEY", &url)))?;
    }
    System::new().block_on(application.run())?;
    Ok(ExitCode::SUCCESS)
}

fn banner(config: &Config, url: &str, key: &str) -> String {
    let keys = match &config.keys {
        KeySource::Folder(path) | KeySource::File(path) => path.display(),
    };
    format!(
        "Reprieve {} listens on {url}\n  console    {url}/console\n  database   {}\n  keys       {keys} (back them up apart from the database)\n  admin key  {key}\n",
        env!("CARGO_PKG_VERSION"),
        config.database,
    )
}

fn example(key: &str, url: &str) -> String {
    format!("  try        curl -H \"Authorization: Bearer {key}\" {url}/v1/whoami")
}

fn key_note(first: &FirstStart, key_file: &Path) -> String {
    match first {
        FirstStart::KeyToShow(_) => "below; keep it, it is shown this once".to_owned(),
        FirstStart::KeyWritten(file) => format!("written to {}", file.display()),
        FirstStart::KeyMissing => {
            "none yet: make one with `reprieve key create --name admin --scope '*'`".to_owned()
        }
        FirstStart::No if key_file.exists() => {
            format!("in {}, unless it was revoked", key_file.display())
        }
        FirstStart::No => "as handed out; `reprieve key list` shows which there are".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Options};

    #[test]
    fn the_banner_shows_the_address_and_no_password() {
        let options = Options {
            database_url: Some("postgres://reprieve:hunter2@db/reprieve".to_owned().into()),
            ..Options::default()
        };
        let (config, _) = config::resolve(
            options,
            config::ServeOptions::default(),
            config::File::default(),
        )
        .unwrap();
        let key = key_note(&FirstStart::KeyMissing, Path::new("admin.key"));
        let text = banner(&config, "http://127.0.0.1:3003", &key);
        assert!(
            text.contains("http://127.0.0.1:3003") && text.contains("postgres://db/reprieve"),
            "{text}"
        );
        assert!(
            text.contains("reprieve key create") && !text.contains("hunter2"),
            "{text}"
        );
    }

    #[test]
    fn no_note_tells_the_key() {
        let note = key_note(
            &FirstStart::KeyToShow("rpv_secret".to_owned()),
            Path::new("admin.key"),
        );
        assert!(!note.contains("rpv_secret"));
    }
}
