//! One poll of a collection: a poll request, and the parts of its result.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::Context;
use threatsieve_blacklist::Timestamp;
use threatsieve_feed::taxii1::{
    Body, Next, Parts, Poll as PollRequest, PollResponse, Request, ResponseType, Status,
    StatusType, Version,
};
use url::Url;

use super::blocks::Blocks;
use super::client::{Answer, Asked, Client};
use super::{At, Open, terms};
use crate::config::Taxii1Feed;
use crate::feeds::cursor::Moment;
use crate::feeds::http::Fault;
use crate::feeds::is_poll_timeout;

pub(super) const EXPECTED: &str = "a poll response";
/// Maximum number of parts of one result.
const MAX_PARTS: u32 = 100_000;
/// Shortest wait for a result that the server prepares, and the wait if it does not name one.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
const USUAL_WAIT: Duration = Duration::from_secs(60);
/// Longest wait for a result that the server prepares. After that, it is asked for again.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// The end of a poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The result is complete.
    Reached,
    /// The poll reached its limit of time or objects, after a complete part.
    Paused,
    /// The server prepares the result.
    Pending,
}

/// One poll of a collection.
pub(super) struct Poll<'a> {
    feed: &'a Taxii1Feed,
    at: At,
    url: Url,
    begin: Option<Timestamp>,
    now: Timestamp,
    pub(super) blocks: Blocks,
    /// The part to fetch next, if the result was begun.
    pub(super) resume: Option<Open>,
    /// End of the period that was fetched, once the result is complete.
    pub(super) reached: Option<Timestamp>,
    parts: Parts,
    /// Digests of the parts of this poll.
    seen: HashSet<blake3::Hash>,
    /// Number of parts of this poll.
    complete: u32,
    has_restarted: bool,
    max_objects: u64,
}

impl<'a> Poll<'a> {
    pub(super) fn new(
        feed: &'a Taxii1Feed,
        at: &At,
        now: Timestamp,
        max_objects: u64,
    ) -> anyhow::Result<Poll<'a>> {
        let overlap = i64::try_from(feed.overlap.as_micros()).unwrap_or(i64::MAX);
        let begin = at.end.map(|moment| Timestamp(moment.0.0.saturating_sub(overlap)));
        let resume = at.resume.clone().filter(|open| is_fresh(open, now));
        let parts = match &resume {
            Some(open) => Parts::of_result(open.result.clone(), open.part, MAX_PARTS),
            None => Parts::new(MAX_PARTS),
        };
        Ok(Poll {
            feed,
            url: at.poll.parse().context("the poll service's URL in the cursor")?,
            // A data set has no labels.
            begin: begin.max(feed.since).filter(|_| !at.is_set),
            at: at.clone(),
            now,
            blocks: Blocks::new()?,
            resume,
            reached: None,
            parts,
            seen: HashSet::new(),
            complete: 0,
            has_restarted: false,
            max_objects,
        })
    }

    /// Fetches part after part. An error discards all parts, a limit only the incomplete part.
    pub(super) async fn run(&mut self, client: &mut Client<'_>) -> anyhow::Result<End> {
        loop {
            if self.can_pause()
                && (client.fetcher.is_over() || self.blocks.objects() >= self.max_objects)
            {
                return Ok(End::Paused);
            }
            let mark = self.blocks.mark();
            let answer = match self.ask(client).await {
                Ok(answer) => answer,
                Err(error) if self.can_pause() && is_poll_timeout(&error) => {
                    self.blocks.forget_after(mark)?;
                    return Ok(End::Paused);
                }
                Err(error) => return Err(error),
            };
            self.blocks.check()?;
            match &answer.message.body {
                Body::Poll(response) => {
                    let digest = self.blocks.digest_after(mark)?;
                    if self.advance(&answer, response, digest)? {
                        return Ok(End::Reached);
                    }
                }
                Body::Status(status) if status.kind == StatusType::Pending => {
                    if !self.wait(client, &answer, status).await? {
                        return Ok(End::Pending);
                    }
                }
                Body::Status(status) if self.has_lost(status) => self.restart()?,
                _ => return Err(answer.unexpected(EXPECTED, &client.hint(&self.url)).into()),
            }
        }
    }

    /// Returns whether the poll may end before the end of the result. A data set is fetched as a
    /// whole.
    fn can_pause(&self) -> bool {
        self.complete > 0 && self.resume.is_some() && !self.at.is_set
    }

    async fn ask(&mut self, client: &mut Client<'_>) -> anyhow::Result<Answer> {
        let version = self.at.version();
        let collection = self.at.collection.clone();
        let (request, part) = match &self.resume {
            Some(open) => {
                let (result_id, part) = (open.result.clone(), open.part);
                (Request::Fulfillment { collection, result_id, part }, part)
            }
            None => {
                let by = terms(self.feed, &self.at, ResponseType::Full, true);
                let end = (!self.at.is_set).then_some(self.now);
                (Request::Poll(PollRequest { collection, begin: self.begin, end, by }), 1)
            }
        };
        let blocks = &mut self.blocks;
        let asked = Asked { url: &self.url, version, request: &request, expected: EXPECTED };
        client.ask(&asked, &mut |block| blocks.add(part, block)).await
    }

    /// Records a part. Returns whether it was the last.
    fn advance(
        &mut self,
        answer: &Answer,
        response: &PollResponse,
        digest: blake3::Hash,
    ) -> Result<bool, Fault> {
        let fault = |what: String| Fault::Content { url: answer.url.clone(), what };
        self.complete += 1;
        let asked = self.resume.as_ref().map_or(Moment(self.now), |open| open.asked);
        let known = self.resume.as_ref().and_then(|open| open.end);
        // The next poll must not skip what the server adds until its own clock shows that time.
        let latest = self.now.min(answer.date.unwrap_or(self.now));
        let sent = Some(asked.0).filter(|_| !self.at.is_set);
        let end = response.end.or(known.map(|end| end.0)).or(sent).map(|end| end.min(latest));
        match self.parts.next(response) {
            Next::Complete => {
                (self.reached, self.resume) = (end, None);
                Ok(true)
            }
            Next::Stop(stopped) => Err(fault(answer.quoted(&stopped.to_string()))),
            Next::Fetch { .. } if self.at.version() == Version::V10 => {
                Err(fault("expected a whole result of TAXII 1.0, got a part".to_owned()))
            }
            Next::Fetch { result_id, part } => {
                if !self.seen.insert(digest) {
                    let what = format!(
                        "expected new content in part {}, got what came before: the server repeats \
                         itself",
                        part - 1
                    );
                    return Err(fault(what));
                }
                let end = end.map(Moment);
                self.resume = Some(Open { result: result_id, part, end, asked, not_before: None });
                Ok(false)
            }
        }
    }

    /// Waits for a result that the server prepares. Returns `false` if a later poll has to fetch
    /// it.
    async fn wait(
        &mut self,
        client: &mut Client<'_>,
        answer: &Answer,
        status: &Status,
    ) -> Result<bool, Fault> {
        let hint = match (status.result_id(), status.will_push()) {
            (_, true) => "; it would send the result to an inbox, and this program has none",
            (None, _) => "; it names no result to fetch",
            (Some(_), false) => "",
        };
        let known = self.resume.as_ref().map(|open| open.result.clone());
        let id = status.result_id().map(str::to_owned).or(known);
        let (Some(result), false) = (id, status.will_push()) else {
            return Err(answer.fault(status, EXPECTED, hint));
        };
        let wait = status.wait().unwrap_or(USUAL_WAIT).clamp(SHORTEST_WAIT, LONGEST_WAIT);
        let part = self.resume.as_ref().map_or(1, |open| open.part);
        let asked = self.resume.as_ref().map_or(Moment(self.now), |open| open.asked);
        let end = self.resume.as_ref().and_then(|open| open.end);
        let not_before = Some(Moment(self.now.plus(wait)));
        self.parts = Parts::of_result(result.clone(), part, MAX_PARTS);
        self.resume = Some(Open { result, part, end, asked, not_before });
        tracing::debug!(url = answer.url, wait_s = wait.as_secs(), "the server prepares a result");
        Ok(client.fetcher.wait(wait).await)
    }

    /// Returns whether the server has lost the result that this poll continues.
    fn has_lost(&self, status: &Status) -> bool {
        let is_lost = matches!(
            status.kind,
            StatusType::NotFound
                | StatusType::InvalidResponsePart
                | StatusType::AsynchronousPollError
                | StatusType::BadMessage
                | StatusType::Failure
        );
        is_lost && self.resume.is_some() && !self.has_restarted
    }

    /// Asks for the period again, once.
    fn restart(&mut self) -> anyhow::Result<()> {
        self.blocks = Blocks::new()?;
        self.parts = Parts::new(MAX_PARTS);
        self.seen.clear();
        (self.resume, self.complete, self.has_restarted) = (None, 0, true);
        Ok(())
    }
}

/// Returns whether a server may still have a result.
fn is_fresh(open: &Open, now: Timestamp) -> bool {
    now.since(open.asked.0) <= LONGEST_WAIT
}
