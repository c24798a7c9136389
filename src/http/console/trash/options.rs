//! What a form of restore offers when something is in the way: another name, the parents too, another place.

use crate::domain::codes::Code;
use crate::domain::ids::{ConnectionId, EntryId};
use crate::domain::kinds::RootKind;
use crate::domain::scopes::Scope;
use crate::http::console::trash::{noun, path_of};
use crate::http::form::Form;
use crate::service::caller::Caller;
use crate::service::connections;
use crate::service::error::{Error, Problem, Result};
use crate::service::pages::PageQuery;
use crate::service::restore::{self, RestoreRequest, RestoreTarget};
use crate::service::trash;
use crate::service::views::EntryView;
use crate::store::Conn;
use crate::store::filters::ConnectionFilter;

/// The connections that one can choose from; of more one enters the id.
const OFFERED: i64 = 200;

/// What was chosen so far.
#[derive(Debug, Default, Clone)]
pub(super) struct Given {
    name: Option<String>,
    external_id: Option<String>,
    with_ancestors: bool,
    connection_id: Option<String>,
    integration: Option<String>,
}

/// A field of the form and what is wrong with it.
pub(super) struct Field {
    pub(super) value: String,
    pub(super) error: Option<String>,
}

/// The connections that it can be attached to.
pub(super) struct Targets {
    /// Ids and names; `None` if there are too many to list.
    pub(super) list: Option<Vec<(String, String)>>,
    pub(super) chosen: String,
    pub(super) error: Option<String>,
}

/// The form.
pub(super) struct Options {
    /// Where it goes, below the console.
    pub(super) action: String,
    /// The name of what would come back.
    pub(super) name: String,
    /// What is in the way.
    pub(super) reason: Option<String>,
    /// What has to be seen to first: its name, and where it is below the console.
    pub(super) parent: Option<(String, String)>,
    pub(super) new_name: Option<Field>,
    pub(super) external_id: Option<Field>,
    /// What that is called: the external id, or the key of an integration.
    pub(super) external_id_label: &'static str,
    /// The parents that can come back with it: "connection" and name; none known may still be some.
    pub(super) ancestors: Option<Vec<(&'static str, String)>>,
    pub(super) targets: Option<Targets>,
    /// The value that stands for no integration.
    pub(super) without_integration: Option<String>,
    /// What was chosen before and is not asked again.
    pub(super) kept: Vec<(&'static str, String)>,
}

impl Given {
    pub(super) fn read(form: &Form) -> Self {
        let text = |name| form.given(name).map(str::to_owned);
        Self {
            name: text("name"),
            external_id: text("external_id"),
            with_ancestors: form.ticked("with_ancestors"),
            connection_id: text("connection_id"),
            integration: text("integration"),
        }
    }

    /// The new name, if there is to be one.
    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// As the service takes it.
    pub(super) fn request(&self) -> Result<RestoreRequest> {
        let connection_id = match self.connection_id.as_deref() {
            None => None,
            Some(id) => Some(ConnectionId::parse(id).ok_or_else(|| {
                Error::field(
                    "/target/connection_id",
                    "unknown_connection",
                    "There is no live connection with this id.",
                )
            })?),
        };
        let target =
            (connection_id.is_some() || self.integration.is_some()).then(|| RestoreTarget {
                connection_id,
                integration: self.integration.clone(),
                model_id: None,
            });
        Ok(RestoreRequest {
            name: self.name.clone(),
            external_id: self.external_id.clone(),
            with_ancestors: self.with_ancestors && target.is_none(),
            target,
            ..RestoreRequest::default()
        })
    }
}

impl Options {
    /// The form for an entry, after this was in the way.
    pub(super) fn of(
        conn: &mut Conn,
        caller: &Caller,
        entry: &EntryView,
        given: &Given,
        problem: Option<&Problem>,
    ) -> Result<Self> {
        let mut options = Self {
            action: format!("{}/restore", path_of(entry.id)),
            name: entry.root.name.clone(),
            reason: problem.map(|problem| problem.detail.clone()),
            parent: None,
            new_name: None,
            external_id: None,
            external_id_label: match entry.root.kind {
                RootKind::Integration => "Restore under the key",
                _ => "Restore with the external id",
            },
            ancestors: None,
            targets: None,
            without_integration: None,
            kept: Vec::new(),
        };
        if let Some(problem) = problem {
            options.offer(conn, caller, entry, given, problem)?;
        }
        options.keep(given);
        Ok(options)
    }

    fn offer(
        &mut self,
        conn: &mut Conn,
        caller: &Caller,
        entry: &EntryView,
        given: &Given,
        problem: &Problem,
    ) -> Result<()> {
        let is_dependent = matches!(entry.root.kind, RootKind::Model | RootKind::Content);
        match problem.code {
            Code::NameTaken if is_dependent => {
                // Names of these may be alike: it is that of the connection which would come back with it.
                self.reason = Some(
                    "The name of the connection it belongs to is taken. Restore that first, under another name."
                        .to_owned(),
                );
                self.parent = connection_entry(conn, caller, entry)?;
                self.targets = targets(conn, caller, given, None)?;
            }
            Code::NameTaken => match problem.members.get("suggested_name") {
                Some(free) => {
                    self.new_name = Some(Field {
                        value: free.as_str().unwrap_or_default().to_owned(),
                        error: None,
                    });
                }
                None => self.external_id = Some(field(given.external_id.as_deref(), None)),
            },
            Code::ExternalIdTaken => {
                let again = given.external_id.is_some();
                let error = again.then(|| "This is taken, too.".to_owned());
                self.external_id = Some(field(given.external_id.as_deref(), error));
                if let Some(taken) = entry.root.external_id.as_deref().filter(|_| !again) {
                    self.reason = Some(format!("{} It is “{taken}”.", problem.detail));
                }
                if is_dependent {
                    self.targets = targets(conn, caller, given, None)?;
                }
            }
            Code::ParentInTrash => {
                self.ancestors = Some(ancestors(conn, caller, entry)?);
                let parent = problem.members.get("entry_id").and_then(|id| id.as_str());
                if let Some(id) = parent.and_then(EntryId::parse) {
                    let parent = trash::get(conn, caller, id)?;
                    self.parent = Some((parent.root.name, path_of(id)));
                }
                self.elsewhere(conn, caller, entry, given)?;
            }
            Code::ParentPurged | Code::ParentMoved => {
                self.elsewhere(conn, caller, entry, given)?;
            }
            _ => {
                for error in &problem.errors {
                    let detail = Some(error.detail.clone());
                    match error.pointer.as_str() {
                        "/name" => self.new_name = Some(field(given.name.as_deref(), detail)),
                        "/external_id" => {
                            self.external_id = Some(field(given.external_id.as_deref(), detail));
                        }
                        "/target/connection_id" => {
                            self.targets = targets(conn, caller, given, detail)?;
                        }
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }

    /// Another place for it.
    fn elsewhere(
        &mut self,
        conn: &mut Conn,
        caller: &Caller,
        entry: &EntryView,
        given: &Given,
    ) -> Result<()> {
        match entry.root.kind {
            RootKind::Model | RootKind::Content => {
                self.targets = targets(conn, caller, given, None)?;
            }
            RootKind::Connection => self.without_integration = Some(entry.connector.clone()),
            RootKind::Integration => {}
        }
        Ok(())
    }

    fn keep(&mut self, given: &Given) {
        let mut keep = |name, value: &Option<String>, asked: bool| {
            if let Some(value) = value.as_ref().filter(|_| !asked) {
                self.kept.push((name, value.clone()));
            }
        };
        keep("name", &given.name, self.new_name.is_some());
        keep(
            "external_id",
            &given.external_id,
            self.external_id.is_some(),
        );
        keep(
            "connection_id",
            &given.connection_id,
            self.targets.is_some(),
        );
        keep(
            "integration",
            &given.integration,
            self.without_integration.is_some(),
        );
        if given.with_ancestors && self.ancestors.is_none() {
            self.kept.push(("with_ancestors", "on".to_owned()));
        }
    }
}

fn field(value: Option<&str>, error: Option<String>) -> Field {
    Field {
        value: value.unwrap_or_default().to_owned(),
        error,
    }
}

/// The parents that would come back first, as far as that can be told.
fn ancestors(
    conn: &mut Conn,
    caller: &Caller,
    entry: &EntryView,
) -> Result<Vec<(&'static str, String)>> {
    let request = RestoreRequest {
        with_ancestors: true,
        ..RestoreRequest::default()
    };
    let ids = match restore::preview(conn, caller, entry.id, &request) {
        Ok(plan) => plan.ancestors,
        // It is told when that is tried.
        Err(Error::Problem(_)) => Vec::new(),
        Err(error) => return Err(error),
    };
    ids.into_iter()
        .map(|id| {
            let root = trash::get(conn, caller, id)?.root;
            Ok((noun(root.kind), root.name))
        })
        .collect()
}

/// The entry of the connection that something belongs to.
fn connection_entry(
    conn: &mut Conn,
    caller: &Caller,
    entry: &EntryView,
) -> Result<Option<(String, String)>> {
    let Some(connection) = entry.connection_id else {
        return Ok(None);
    };
    match restore::entry_of_connection(conn, caller, connection) {
        Ok(id) => Ok(Some((trash::get(conn, caller, id)?.root.name, path_of(id)))),
        Err(Error::Problem(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The live connections, for those who may see them.
fn targets(
    conn: &mut Conn,
    caller: &Caller,
    given: &Given,
    error: Option<String>,
) -> Result<Option<Targets>> {
    if !caller.may(Scope::ConnectionsRead) {
        return Ok(None);
    }
    let page = PageQuery::new(Some(OFFERED), None)?;
    let found = connections::list(conn, caller, &ConnectionFilter::default(), &page)?;
    let mut list: Vec<(String, String)> = found
        .data
        .into_iter()
        .map(|view| (view.id.to_string(), view.name))
        .collect();
    list.sort_by(|a, b| a.1.cmp(&b.1));
    Ok(Some(Targets {
        list: found.next_page_token.is_none().then_some(list),
        chosen: given.connection_id.clone().unwrap_or_default(),
        error,
    }))
}
