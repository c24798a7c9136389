//! The program: opened from a configuration, run until it is told to stop.
//!
//! `main` only parses and calls; tests build the same thing on port 0.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, rt, web};
use anyhow::{Context as _, bail};
use url::Url;
use utoipa_actix_web::AppExt as _;

use crate::config::Config;
use crate::connectors;
use crate::http::dialects::nango;
use crate::http::fallback::{Routes, fallback};
use crate::http::middleware::observe;
use crate::http::{State, api, console, dialects, metrics, openapi, reentry};
use crate::jobs::shred_writer::ShredWriter;
use crate::jobs::{
    canary, deliverer, eraser, housekeeping, importer, keykeeper, purger, revoker, sealer,
};
use crate::metrics::Metrics;
use crate::outbound::{Dialer, Own};
use crate::secrets::Vault;
use crate::secrets::shred_log::ShredLog;
use crate::service::Services;
use crate::service::probe::Prober;
use crate::service::purge::Purging;
use crate::service::revoke;
use crate::service::shreds;
use crate::service::transfer::{self, Spool};
use crate::service::uses;
use crate::store::{Store, migrate};

/// Seconds that requests have to finish after the signal to stop.
const SHUTDOWN_SECONDS: u64 = 20;

/// An opened service, bound to its address but not yet serving.
pub struct Application {
    config: Config,
    services: Services,
    deliverer: deliverer::Running,
    eraser: eraser::Running,
    importer: importer::Running,
    keykeeper: keykeeper::Running,
    canary: Option<canary::Running>,
    purger: purger::Running,
    sealer: sealer::Running,
    listener: TcpListener,
    address: SocketAddr,
    metrics: Option<(TcpListener, SocketAddr)>,
    /// Held as long as the service runs: one `serve` on one SQLite file.
    lock: Option<File>,
}

impl Application {
    /// Opens the database, applies what is pending (or refuses, if the configuration says so), opens the keys
    /// and binds the address.
    pub fn build(config: Config) -> anyhow::Result<Self> {
        make_private_folder(&config.data_dir)?;
        let store = Store::open(config.database.clone(), config.pool_size)?;
        let lock = store
            .sqlite_file()
            .map(|file| lock_database(file))
            .transpose()?;
        if config.migrate {
            let applied = migrate::up(&store)?;
            if !applied.is_empty() {
                tracing::info!(migrations = applied.len(), "the database has been migrated");
            }
        } else {
            refuse_pending(&store)?;
        }
        let (listener, address) = bind(config.listen, "--listen")?;
        let metrics = config
            .metrics_listen
            .map(|address| bind(address, "--metrics-listen"))
            .transpose()?;
        let own: Vec<SocketAddr> = [address]
            .into_iter()
            .chain(metrics.as_ref().map(|(_, address)| *address))
            .collect();
        let mut services = services(&config, store, &own)?;
        // Before anybody can be answered: what was shredded must not come back with an older database.
        let applied = shreds::apply(&services)?;
        if applied.secrets > 0 {
            tracing::warn!(
                secrets = applied.secrets,
                "secrets of an older database were shredded again"
            );
        }
        let (eraser, running) = eraser::Eraser::start(
            services.store.clone(),
            Arc::clone(&services.shreds),
            config.erasure_interval,
        )?;
        services.eraser = eraser;
        // What the last run left open; before the first new one could be taken for it.
        if let Err(error) = transfer::interrupt_stale(&services) {
            tracing::warn!(%error, "interrupted imports could not be closed; it is tried again");
        }
        if let Err(error) = revoke::settle_stale(&services) {
            tracing::warn!(%error, "interrupted revocations could not be closed; it is tried again");
        }
        let importing = services.importer.start(services.clone())?;
        let sealing = sealer::start(services.store.clone(), &services.sealer)?;
        let purging = purger::start(services.clone(), config.purge_schedule.clone())?;
        let keykeeping =
            keykeeper::start(services.clone(), &address.to_string(), config.key_times)?;
        let checking = config
            .canary_interval
            .map(|every| canary::start(services.clone(), every, config.erasure_interval))
            .transpose()?;
        let delivering = deliverer::start(services.clone())?;
        Ok(Self {
            config,
            services,
            deliverer: delivering,
            eraser: running,
            importer: importing,
            keykeeper: keykeeping,
            canary: checking,
            purger: purging,
            sealer: sealing,
            listener,
            address,
            metrics,
            lock,
        })
    }

    /// The services, for what happens between opening and serving.
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// The address that is bound.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address that serves metrics, if one does.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(|(_, address)| *address)
    }

    /// Where links lead. What a request says in its `Host` header is anybody's word.
    fn public_url(&self) -> anyhow::Result<Url> {
        match &self.config.public_url {
            Some(url) => Ok(url.clone()),
            None => Ok(Url::parse(&format!("http://{}", self.address))?),
        }
    }

    /// Serves until SIGTERM or SIGINT.
    pub async fn run(self) -> anyhow::Result<()> {
        let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        let mut interrupt =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
        self.run_until(async move {
            tokio::select! {
                _ = term.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
        .await
    }

    /// Serves until `stop` is done, then lets requests finish.
    pub async fn run_until(self, stop: impl Future<Output = ()> + 'static) -> anyhow::Result<()> {
        let document = web::Data::new(openapi::document());
        let routes = web::Data::new(Routes::of(&document.openapi.paths));
        let state = web::Data::new(State::new(
            self.services.clone(),
            self.config.body_timeout,
            self.config.max_import_bytes,
            self.public_url()?,
            self.config.dialects.clone(),
        ));
        let shared = state.clone();
        let server = HttpServer::new(move || {
            let (app, _) = App::new()
                .app_data(shared.clone())
                .app_data(document.clone())
                .app_data(routes.clone())
                .wrap(from_fn(nango::open_to_browsers))
                .wrap(from_fn(observe))
                .into_utoipa_app()
                .configure(api::routes)
                .configure(|config| dialects::routes(config, &shared.dialects))
                .split_for_parts();
            app.configure(reentry::routes)
                .configure(console::routes)
                .route(dialects::DESCRIPTION, web::get().to(dialects::description))
                .default_service(web::to(fallback))
        })
        .workers(self.config.workers)
        .shutdown_timeout(SHUTDOWN_SECONDS)
        .disable_signals()
        .listen(self.listener)?
        .run();
        let handle = server.handle();
        let metrics = match self.metrics {
            Some((listener, address)) => {
                let server = metrics::serve(listener, self.services.clone())?;
                tracing::info!(%address, "metrics are served at /metrics");
                let handle = server.handle();
                rt::spawn(server);
                Some(handle)
            }
            None => None,
        };
        let keepers = [
            rt::spawn(every(
                housekeeping::PERIOD,
                self.services.clone(),
                housekeeping::round,
            )),
            rt::spawn(every(
                uses::PERIOD,
                self.services.clone(),
                housekeeping::write_uses,
            )),
        ];
        rt::spawn(async move {
            stop.await;
            tracing::info!("stopping: no new requests, the running ones may finish");
            state.stop();
            handle.stop(true).await;
        });
        let outcome = server.await;
        for keeper in keepers {
            keeper.abort();
        }
        // To the end of the last request they tell how the service stops.
        if let Some(metrics) = metrics {
            metrics.stop(true).await;
        }
        let (services, eraser, importer) = (self.services, self.eraser, self.importer);
        let (purger, keykeeper, canary, sealer) =
            (self.purger, self.keykeeper, self.canary, self.sealer);
        let deliverer = self.deliverer;
        web::block(move || {
            deliverer.stop();
            // First what a client waits for: it is to end as interrupted and not to go on meanwhile.
            importer.stop();
            purger.stop();
            keykeeper.stop();
            if let Some(canary) = canary {
                canary.stop();
            }
            close(&services, eraser);
            sealer.stop();
        })
        .await?;
        drop(self.lock);
        Ok(outcome?)
    }
}

/// Database and keys without a server, for the other subcommands; refuses while migrations are pending.
pub fn open_services(config: &Config) -> anyhow::Result<Services> {
    make_private_folder(&config.data_dir)?;
    let store = Store::open(config.database.clone(), config.pool_size)?;
    refuse_pending(&store)?;
    services(config, store, &[])
}

fn services(config: &Config, store: Store, listening: &[SocketAddr]) -> anyhow::Result<Services> {
    connectors::load()?;
    let vault =
        Vault::open(&store, config.keys.clone()).context("the encryption keys can't be used")?;
    if let Some(problem) = vault.problem() {
        tracing::warn!(
            problem,
            "secrets can't be entered or read; everything else works"
        );
    }
    let dialer = dialer(config, listening);
    let log = ShredLog::beside(&config.keys, &config.data_dir);
    // Another subcommand purges nothing by itself and does not know when the server does.
    let schedule = listening
        .first()
        .and(config.purge_schedule.as_ref())
        .map(ToString::to_string);
    let purging = Purging::new(config.purge.clone(), schedule);
    store.read(|conn| purging.guard.load(conn))?;
    Ok(Services {
        store,
        vault: Arc::new(vault),
        eraser: eraser::Eraser::idle(),
        shreds: Arc::new(ShredWriter::new(log)),
        last_use: Arc::default(),
        uses: Arc::default(),
        importer: importer::Importer::default(),
        prober: Prober::new(dialer.clone(), config.tests),
        revoker: revoker::Revoker::new(dialer, config.revocation),
        deliverer: deliverer::Deliverer::new(config.webhooks),
        metrics: Metrics::new(config.metrics_kept),
        purging: Arc::new(purging),
        // Another subcommand does not know how often the server rotates.
        key_times: listening.first().map(|_| config.key_times),
        sealer: sealer::Sealer::default(),
        spool: Spool::within(&config.data_dir),
    })
}

/// The way to other systems, but never to the service's own listeners and database.
fn dialer(config: &Config, listening: &[SocketAddr]) -> Dialer {
    let mut endpoints = config.database.servers();
    endpoints.extend(
        listening
            .iter()
            .map(|address| (address.ip().to_string(), address.port())),
    );
    let public = config
        .public_url
        .as_ref()
        .and_then(|url| Some((url.host_str()?.to_owned(), url.port_or_known_default()?)));
    Dialer::new(
        Arc::clone(&config.network),
        &config.allow_cidrs,
        Own { endpoints, public },
    )
}

/// Binds an address that `option` names.
fn bind(address: SocketAddr, option: &str) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).with_context(|| {
        format!("can't listen on {address}; choose another address with {option}")
    })?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

fn refuse_pending(store: &Store) -> anyhow::Result<()> {
    let pending = migrate::pending(store)?;
    if pending.is_empty() {
        return Ok(());
    }
    bail!(
        "{} migration(s) are pending on {}: run `reprieve migrate` first",
        pending.len(),
        store.url()
    )
}

fn make_private_folder(folder: &Path) -> anyhow::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("can't make the folder {}", folder.display()))
}

/// Two servers on one file would each believe to be its only writer.
fn lock_database(file: &Path) -> anyhow::Result<File> {
    let mut path = file.as_os_str().to_owned();
    path.push(".serve-lock");
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("can't open {}", Path::new(&path).display()))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => bail!(
            "another `reprieve serve` runs on {}: stop it, or give this one a --data-dir of its own",
            file.display()
        ),
        Err(TryLockError::Error(error)) => Err(error).context("can't lock the database file"),
    }
}

async fn every(period: Duration, services: Services, work: fn(&Services)) {
    loop {
        rt::time::sleep(period).await;
        let services = services.clone();
        let _ = web::block(move || work(&services)).await;
    }
}

/// What must not be lost with the process: uses of keys and of what is in the trash, and an erasure that is due.
fn close(services: &Services, eraser: eraser::Running) {
    services.revoker.stop();
    eraser.stop();
    if let Err(error) = services.last_use.flush(&services.store) {
        tracing::warn!(%error, "the last use of keys could not be written down");
    }
    housekeeping::write_uses(services);
    if services.store.sqlite_file().is_some()
        && let Err(error) = eraser::round(&services.store, &services.shreds)
    {
        tracing::warn!(%error, "the last erasure could not be completed; the next start does it");
    }
}
