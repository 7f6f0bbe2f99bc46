//! The claim of one controller to a cluster. Two that match the same indices with other indicators
//! would take each other's flags back.
//!
//! The claim is a document that names the state of its holder and counts its rounds. It is changed
//! with compare and set. It never ends by itself: only an operator gives the cluster to another
//! controller.

use std::path::Path;

use super::events::{Claim, Events};
use crate::opensearch::cluster::Fault;
use crate::opensearch::events::CLAIM_INDEX;
use crate::store::Store;

/// Claims the cluster for this round. Returns the holder if it is another controller.
pub(crate) async fn claim(
    events: &impl Events,
    store: &Store,
    (name, state): (&str, &Path),
    takes_over: bool,
) -> anyhow::Result<Option<String>> {
    let own = store.own_claim()?;
    let before = events.claim(name).await.map_err(with_remedy)?;
    let is_ours = before.as_ref().is_none_or(|claim| {
        // A round that was killed may have stored its number without writing it.
        claim.owner == own.owner && (claim.turn == own.turn || claim.turn + 1 == own.turn)
    });
    if !is_ours && !takes_over {
        let holder = before.map_or_else(String::new, |claim| claim.holder);
        store.refuse_claim(&holder)?;
        return Ok(Some(holder));
    }
    let highest = before.as_ref().map_or(0, |claim| claim.turn).max(own.turn);
    let turn = highest + 1;
    store.set_claim(turn)?;
    let now = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC");
    let holder = format!(
        "host {}, state {}, since {now}",
        rustix::system::uname().nodename().to_string_lossy(),
        state.display(),
    );
    let claim = Claim { owner: own.owner, turn, holder, seq_no: 0, primary_term: 0 };
    if events.set_claim(name, &claim, before.as_ref()).await.map_err(with_remedy)? {
        return Ok(None);
    }
    let holder = "another controller that claimed it at this moment".to_owned();
    store.refuse_claim(&holder)?;
    Ok(Some(holder))
}

fn with_remedy(fault: Fault) -> anyhow::Error {
    let is_missing = matches!(&fault, Fault::Answer { status: 404, .. });
    let error = anyhow::Error::from(fault);
    if is_missing {
        return error.context(format!(
            "expected the index {CLAIM_INDEX:?} in the cluster, got none: create it with \
             `threatsieve opensearch template --put`"
        ));
    }
    error.context("the claim to the cluster")
}

/// Returns the refusal for people.
pub(crate) fn refusal(holder: &str) -> String {
    format!(
        "another controller holds the cluster's events ({holder}); stop it, or take over with \
         `threatsieve backfill --take-over`"
    )
}
