//! A PostgreSQL database that goes away and comes back.

use reprieve::store::DatabaseUrl;

use super::{Sql, TestApp};

/// Lets nobody into the database any more and throws out who is in, or opens it again.
pub(crate) struct Door {
    server: Sql,
    name: String,
}

impl Door {
    pub(crate) fn of(app: &TestApp) -> Self {
        let DatabaseUrl::Postgres(url) = &app.config.database else {
            panic!("not PostgreSQL")
        };
        let mut server = url::Url::parse(url).unwrap();
        let name = server.path().trim_start_matches('/').to_owned();
        server.set_path("postgres");
        Self {
            server: Sql::open(&DatabaseUrl::parse(server.as_str()).unwrap()),
            name,
        }
    }

    pub(crate) fn close(&mut self) {
        let name = &self.name;
        self.server.run(&format!(
            "ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false"
        ));
        self.server.run(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        ));
    }

    pub(crate) fn open(&mut self) {
        self.server.run(&format!(
            "ALTER DATABASE {} WITH ALLOW_CONNECTIONS true",
            self.name
        ));
    }
}
