//! Sending deliveries: claiming what is due, one try, and what becomes of it.
//!
//! What must stay true: a delivery is claimed under a lease, so that one that a killed process had is sent again, under the
//! same id and with the same bytes; of what the endpoint answers nothing is kept but the status; every endpoint has its
//! tries over three days, and one that takes nothing keeps no other waiting.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Duration as Span};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Method, StatusCode};
use tokio::time::timeout;
use url::Url;

use super::signing::{self, Signer};
use super::{PREVIOUS, SECRET, message, stop};
use crate::domain::clock::Ts;
use crate::domain::codes::Code;
use crate::domain::ids::{OrgId, RecordId, WebhookId};
use crate::domain::kinds::{DeliveryOutcome, DeliveryState, WebhookState, WebhookStop};
use crate::metrics::Fact;
use crate::outbound::http::{Call, Reply};
use crate::outbound::{Dialer, OutboundError};
use crate::service::Services;
use crate::service::caller::Caller;
use crate::service::error::{Error, Result};
use crate::service::secrets::{self, Owner};
use crate::service::unit::Tx;
use crate::store::rows::WebhookRow;

/// What is waited before each further try, in seconds: 10 tries over 3 days and 3 hours, as Standard Webhooks proposes.
const AGAIN: [i64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// The longest that an endpoint can ask us to wait (`Retry-After`), and that it is left alone after failures.
const LONGEST_ASKED: Span = Span::hours(24);
const LONGEST_PAUSE: i64 = 300;

/// A delivery on its way.
pub struct Parcel {
    /// Whose.
    pub org: OrgId,
    /// To which endpoint.
    pub webhook: WebhookId,
    event: RecordId,
    url: String,
    body: String,
    signers: Arc<Vec<Signer>>,
    leased_until: Ts,
}

/// What a try came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// In one word.
    pub outcome: DeliveryOutcome,
    /// The status that was answered, if one was.
    pub status: Option<u16>,
    /// How long the endpoint asked us to wait.
    pub retry_after: Option<Span>,
}

impl DeliveryOutcome {
    /// The same in a sentence.
    pub fn detail(self) -> &'static str {
        match self {
            Self::Delivered => "The endpoint took it.",
            Self::Refused => "The endpoint answered with a status that is no success.",
            Self::Redirected => {
                "The endpoint answered with a redirect, which is not followed. Enter the address where it really is."
            }
            Self::Busy => "The endpoint takes nothing at the moment.",
            Self::Gone => "The endpoint is gone (410), so it is disabled.",
            Self::Unreachable => "Nobody answers at this address.",
            Self::TlsFailed => {
                "There is no TLS connection to be had that can be trusted. Look at the certificate."
            }
            Self::Timeout => {
                "No answer came in time. An endpoint should answer first and work afterwards."
            }
            Self::RefusedByPolicy => {
                "Reprieve does not connect there, or not without TLS. Whoever runs it can allow a network with the setting \
                 allow_cidrs."
            }
            Self::ProtocolError => {
                "What answers there does not speak HTTP, or stopped in the middle of it."
            }
        }
    }
}

/// Claims deliveries of one endpoint that are due, and opens what they are signed by.
pub fn claim(
    services: &Services,
    org: OrgId,
    id: WebhookId,
    limit: usize,
    lease: Span,
) -> Result<Vec<Parcel>> {
    services.write_once(&Caller::service(org), |tx| {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let Some(row) = tx.conn.find_webhook(org, id)? else {
            return Ok(Vec::new());
        };
        if row.state == WebhookState::Disabled {
            return Ok(Vec::new());
        }
        let now = tx.conn.now()?;
        let Some(signers) = signers(tx, &row, now)? else {
            if let Some(mut row) = tx.conn.claim_webhook(org, id)? {
                stop(tx, &mut row, WebhookStop::SecretLost)?;
            }
            return Ok(Vec::new());
        };
        let signers = Arc::new(signers);
        let due = tx.conn.claim_deliveries(org, id, now, limit)?;
        let leased_until = now.plus(lease);
        let events: Vec<RecordId> = due.iter().map(|row| row.event_id).collect();
        tx.conn.lease_deliveries(org, id, &events, leased_until)?;
        let parcel = |delivery: crate::store::rows::DeliveryRow| Parcel {
            org,
            webhook: id,
            event: delivery.event_id,
            url: row.url.clone(),
            body: delivery.body,
            signers: Arc::clone(&signers),
            leased_until,
        };
        Ok(due.into_iter().map(parcel).collect())
    })
}

/// What an endpoint's messages are signed by now, the newest first; `None` if its secret is lost.
pub(super) fn signers(tx: &mut Tx<'_>, row: &WebhookRow, now: Ts) -> Result<Option<Vec<Signer>>> {
    let overlaps = row.previous_until.is_some_and(|until| until > now);
    let facts: Vec<_> = Owner::from(row)
        .facts(tx)?
        .into_iter()
        .filter(|fact| fact.field == SECRET || (overlaps && fact.field == PREVIOUS))
        .collect();
    let values = match secrets::open_values(tx, row, &facts) {
        Ok(values) => values,
        Err(Error::Problem(problem)) if problem.code == Code::NeedsCredentials => return Ok(None),
        Err(error) => return Err(error),
    };
    let signer = |field: &str| {
        values
            .get(field)
            .and_then(|value| Signer::parse(value.expose()))
    };
    let newest = signer(SECRET);
    Ok(newest.map(|newest| {
        [Some(newest), signer(PREVIOUS)]
            .into_iter()
            .flatten()
            .collect()
    }))
}

impl Parcel {
    /// Sends it once.
    pub async fn send(&self, dialer: &Dialer, limit: Duration) -> Attempt {
        let id = message::id(self.event);
        post(dialer, &self.url, &self.signers, &id, &self.body, limit).await
    }
}

/// Posts a message once. A redirect is an answer like others; so nothing signed goes where nobody entered it.
pub(super) async fn post(
    dialer: &Dialer,
    url: &str,
    signers: &[Signer],
    id: &str,
    body: &str,
    limit: Duration,
) -> Attempt {
    let at = Ts::now().utc().timestamp();
    let Some(call) = call(url, signers, id, at, body) else {
        return Attempt::of(DeliveryOutcome::ProtocolError);
    };
    match timeout(limit, dialer.call(call, None)).await {
        Ok(Ok(reply)) => Attempt::answered(&reply),
        Ok(Err(error)) => Attempt::of(match error {
            OutboundError::Refused(_) => DeliveryOutcome::RefusedByPolicy,
            OutboundError::Unresolved | OutboundError::Unreachable(_) => {
                DeliveryOutcome::Unreachable
            }
            OutboundError::TimedOut => DeliveryOutcome::Timeout,
            OutboundError::Tls(_) => DeliveryOutcome::TlsFailed,
            OutboundError::Closed | OutboundError::TooLong | OutboundError::Protocol => {
                DeliveryOutcome::ProtocolError
            }
        }),
        Err(_) => Attempt::of(DeliveryOutcome::Timeout),
    }
}

fn call(url: &str, signers: &[Signer], id: &str, at: i64, body: &str) -> Option<Call> {
    let text = |value: &str| HeaderValue::from_str(value).ok();
    let headers = vec![
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (HeaderName::from_static("webhook-id"), text(id)?),
        (
            HeaderName::from_static("webhook-timestamp"),
            text(&at.to_string())?,
        ),
        (
            HeaderName::from_static("webhook-signature"),
            text(&signing::header(signers, id, at, body))?,
        ),
    ];
    Some(Call {
        method: Method::POST,
        url: Url::parse(url).ok()?,
        headers,
        body: body.as_bytes().to_vec(),
    })
}

impl Attempt {
    fn of(outcome: DeliveryOutcome) -> Self {
        Self {
            outcome,
            status: None,
            retry_after: None,
        }
    }

    fn answered(reply: &Reply) -> Self {
        let outcome = match reply.status {
            status if status.is_success() => DeliveryOutcome::Delivered,
            StatusCode::GONE => DeliveryOutcome::Gone,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                DeliveryOutcome::Busy
            }
            status if status.is_redirection() => DeliveryOutcome::Redirected,
            _ => DeliveryOutcome::Refused,
        };
        let asked = || {
            reply
                .headers
                .get(RETRY_AFTER)?
                .to_str()
                .ok()
                .and_then(wait_of)
        };
        Self {
            outcome,
            status: Some(reply.status.as_u16()),
            retry_after: (outcome == DeliveryOutcome::Busy).then(asked).flatten(),
        }
    }
}

/// What `Retry-After` asks for: seconds, or a date (RFC 9110, 10.2.3).
fn wait_of(text: &str) -> Option<Span> {
    let text = text.trim();
    let wait = match text.parse::<u32>() {
        Ok(seconds) => Span::seconds(i64::from(seconds)),
        Err(_) => DateTime::parse_from_rfc2822(text)
            .ok()?
            .signed_duration_since(Ts::now().utc()),
    };
    Some(wait.clamp(Span::zero(), LONGEST_ASKED))
}

/// Writes down what a try came to.
pub fn settle(services: &Services, parcel: &Parcel, attempt: Attempt) -> Result<()> {
    services.write_once(&Caller::service(parcel.org), |tx| {
        let (org, id) = (parcel.org, parcel.webhook);
        tx.count(Fact::WebhookTried(attempt.outcome));
        // The endpoint first, as everybody does who needs both.
        let Some(mut row) = tx.conn.lock_webhook(org, id)? else {
            return Ok(());
        };
        let Some(mut delivery) = tx.conn.lock_delivery(org, id, parcel.event)? else {
            return Ok(());
        };
        let delivered = attempt.outcome == DeliveryOutcome::Delivered;
        // Ended meanwhile, or in somebody else's hands since the lease was over; that it has arrived is true all the same.
        let is_ours = delivery.leased_until == Some(parcel.leased_until);
        if delivery.state != DeliveryState::Pending || !(is_ours || delivered) {
            return Ok(());
        }
        let now = tx.conn.now()?;
        delivery.attempts = delivery.attempts.saturating_add(1);
        delivery.outcome = Some(attempt.outcome);
        delivery.status = attempt.status.map(i32::from);
        delivery.attempted_at = Some(now);
        delivery.leased_until = None;
        let mut reason = None;
        if delivered {
            delivery.state = DeliveryState::Delivered;
            delivery.finished_at = Some(now);
            (row.failures, row.paused_until) = (0, None);
            row.last_delivered_at = Some(now);
        } else {
            row.failures = row.failures.saturating_add(1);
            let pause = attempt.retry_after.unwrap_or_else(|| pause(row.failures));
            row.paused_until = Some(now.plus(pause));
            match again(delivery.attempts) {
                _ if attempt.outcome == DeliveryOutcome::Gone => reason = Some(WebhookStop::Gone),
                Some(wait) => {
                    let wait = attempt.retry_after.map_or(wait, |asked| asked.max(wait));
                    delivery.next_attempt_at = now.plus(wait);
                }
                None => {
                    delivery.state = DeliveryState::Failed;
                    delivery.finished_at = Some(now);
                    let nothing_since = row
                        .last_delivered_at
                        .is_none_or(|at| at < delivery.created_at);
                    reason = nothing_since.then_some(WebhookStop::Failing);
                }
            }
        }
        tx.conn.update_delivery(&delivery)?;
        match reason {
            Some(reason) if row.state == WebhookState::Enabled => stop(tx, &mut row, reason),
            _ => {
                tx.conn.update_webhook(&row)?;
                Ok(())
            }
        }
    })
}

/// What is waited after so many tries; `None` after the last. Up to a fifth longer, so that what failed together does not
/// come back together.
fn again(attempts: i32) -> Option<Span> {
    let index = usize::try_from(attempts).ok()?.checked_sub(1)?;
    let wait = Span::seconds(*AGAIN.get(index)?);
    Some(wait + Span::milliseconds(wait.num_milliseconds() / 5 * chance() / 255))
}

/// How long an endpoint is left alone after so many failures in a row: 1 s, 2 s, 4 s, up to 5 minutes.
fn pause(failures: i32) -> Span {
    let doublings = u32::try_from(failures.saturating_sub(1))
        .unwrap_or(0)
        .min(9);
    Span::seconds(2_i64.pow(doublings).min(LONGEST_PAUSE))
}

/// 0 to 255.
fn chance() -> i64 {
    let mut byte = [0];
    // Without randomness there is no jitter, which is no reason not to send.
    let _ = getrandom::fill(&mut byte);
    let [byte] = byte;
    i64::from(byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_tries_take_about_three_days() {
        let mut least = Span::zero();
        for (index, base) in AGAIN.iter().enumerate() {
            let wait = again(i32::try_from(index).unwrap() + 1).unwrap();
            let base = Span::seconds(*base);
            assert!(wait >= base && wait <= base * 6 / 5, "{index}: {wait}");
            least += base;
        }
        assert_eq!(again(10), None);
        assert!(least > Span::days(3) && least < Span::days(4), "{least}");
    }

    #[test]
    fn what_retry_after_asks_for_is_seconds_or_a_date_and_has_an_end() {
        assert_eq!(wait_of(" 120 "), Some(Span::seconds(120)));
        assert_eq!(wait_of("99999999"), Some(LONGEST_ASKED));
        assert_eq!(wait_of("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Span::zero()));
        assert_eq!(
            wait_of("Wed, 21 Oct 2065 07:28:00 GMT"),
            Some(LONGEST_ASKED)
        );
        for nothing in ["", "soon", "-5", "1.5"] {
            assert_eq!(wait_of(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn an_endpoint_that_fails_is_left_alone_for_longer_and_longer() {
        assert_eq!(pause(1), Span::seconds(1));
        assert_eq!(pause(4), Span::seconds(8));
        assert_eq!(pause(i32::MAX), Span::seconds(LONGEST_PAUSE));
    }
}
