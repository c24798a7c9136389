//! The database in numbers, for a scrape of the metrics.

use chrono::Duration;
use diesel::prelude::*;

use super::{Conn, count_open_alarms};
use crate::domain::clock::Ts;
use crate::store::figures::{DUE, Figures, TOTALS};
use crate::store::types::Moment;

/// How long a hold that has ended still keeps its entry.
const HOLD_LINGERS: Duration = Duration::days(1);

/// What is due by `now`, and the rest of it.
pub(in crate::store) fn figures(conn: &mut Conn, now: Ts) -> QueryResult<Figures> {
    let totals = diesel::sql_query(TOTALS).get_result(conn)?;
    let due = diesel::sql_query(DUE)
        .bind::<Moment, _>(now.plus(-HOLD_LINGERS))
        .bind::<Moment, _>(now)
        .load(conn)?;
    Ok(Figures::new(now, totals, due, count_open_alarms(conn)?))
}
