//! `reprieve demo`: the whole story told by a real server on a database that is thrown away.
//!
//! What must stay true: nothing that the command line or the environment names is touched, neither folder nor database
//! nor keys; the folder is gone when the command ends, also by a signal; nothing is shown that did not happen: what a
//! step says is read from answers and tables, and a step that goes another way ends the demo with an error.

mod bytes;
mod client;
mod folder;
mod sample;
mod scene;
mod story;
mod tables;

use std::cell::RefCell;
use std::io::{self, IsTerminal as _};
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::rc::Rc;
use std::thread;

use actix_web::rt::System;
use anyhow::{Context as _, bail};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use super::output::remark;
use crate::app::Application;
use crate::config::{Config, Options};
use crate::secrets::KeySource;
use crate::service::bootstrap::{self, FirstStart, KeyTo};
use crate::store::DatabaseUrl;

use client::Client;
use folder::Folder;
use scene::Scene;

/// The story has few calls at a time.
const WORKERS: usize = 2;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Address and port, or a port of this machine, for the server [default: 127.0.0.1:3003, or a free port if that is taken]
    #[arg(long, value_name = "ADDRESS", value_parser = listen)]
    listen: Option<SocketAddr>,
    /// End after the story instead of leaving the server running
    #[arg(long)]
    no_wait: bool,
    /// Do not wait for Enter between the steps
    #[arg(long)]
    no_pause: bool,
}

/// The demo has a folder, a database and keys of its own; of the options only those of the log count.
pub(super) fn options(given: Options) -> Options {
    Options {
        log_format: given.log_format,
        log_level: given.log_level.or_else(|| Some("warn".to_owned())),
        ..Options::default()
    }
}

pub(super) fn run(args: &Args, config: Config) -> anyhow::Result<ExitCode> {
    System::new().block_on(perform(args, config))?;
    Ok(ExitCode::SUCCESS)
}

async fn perform(args: &Args, config: Config) -> anyhow::Result<()> {
    // Before there is anything that would have to be removed.
    let mut signals = Signals::new()?;
    let folder = Folder::make()?;
    let config = Config {
        data_dir: folder.path().to_owned(),
        database: DatabaseUrl::Sqlite(folder.path().join("reprieve.db")),
        keys: KeySource::Folder(folder.path().join("keys")),
        metrics_listen: None,
        listen: args.listen.unwrap_or_else(|| free(config.listen)),
        workers: WORKERS,
        ..config
    };
    let application = Application::build(config)?;
    let FirstStart::KeyToShow(key) = bootstrap::first_start(application.services(), KeyTo::Screen)?
    else {
        bail!("the new database has a key already");
    };
    let url = format!("http://{}", application.address());
    let mut scene = Scene::new(
        application.services().clone(),
        Client::new(url.clone(), key, folder.path())?,
        folder.path(),
        !args.no_pause && io::stdin().is_terminal() && io::stdout().is_terminal(),
    );
    let wait = !args.no_wait;
    let (told, end) = oneshot::channel();
    // A thread of its own, since it waits for answers and for Enter. It is not joined: after a signal it may wait for ever.
    thread::spawn(move || {
        let outcome = story::tell(&mut scene).and_then(|()| scene.farewell(wait));
        drop(scene);
        let _ = told.send(outcome);
    });
    let outcome = Rc::new(RefCell::new(None));
    let ended = Rc::clone(&outcome);
    application
        .run_until(async move {
            let result = tokio::select! {
                () = signals.any() => Some(Err(anyhow::anyhow!("the demo was stopped before its end"))),
                result = end => result.ok(),
            };
            let fine = matches!(&result, Some(Ok(())));
            *ended.borrow_mut() = result;
            if fine && wait {
                signals.any().await;
            }
        })
        .await?;
    folder.remove()?;
    remark("The demo's folder is removed.");
    let outcome = outcome.borrow_mut().take();
    outcome.context("the demo's story broke off")?
}

/// What ends a program from outside.
struct Signals([Signal; 3]);

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self([
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        ]))
    }

    async fn any(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

/// The usual address, or any port of it if somebody listens there.
fn free(usual: SocketAddr) -> SocketAddr {
    match TcpListener::bind(usual) {
        Ok(_) => usual,
        Err(_) => SocketAddr::new(usual.ip(), 0),
    }
}

fn listen(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .or_else(|_| {
            text.parse::<u16>()
                .map(|port| SocketAddr::from(([127, 0, 0, 1], port)))
        })
        .map_err(|_| "an address with a port is like 127.0.0.1:3003, a port like 3003".to_owned())
}
