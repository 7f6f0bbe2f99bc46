//! `threatsieve retract`: marks a value or an indicator as a false positive.

use super::configured::{loaded, now};
use crate::cli::RetractArgs;
use crate::exit::{Exit, Failure};
use crate::output::Sink;
use crate::store::{Retracted, Store};
use crate::text::{escape_controls, grouped};

/// Excludes a value, or an indicator by its id, from the next blacklist, and retracts its matches.
/// With `--undo`, includes it again; the reason is then not stored.
pub(crate) fn retract_indicator(args: &RetractArgs) -> Result<Exit, Failure> {
    let Some(loaded) = loaded(&args.config.path())? else { return Ok(Exit::Usage) };
    let mut store = Store::open(&loaded.config.state)?;
    let text = if args.undo {
        let Retracted { target, indicators, .. } = store.undo_retract(&args.target)?;
        format!(
            "{} counts again from the next round on, by {}; stored lines are matched again\n",
            escape_controls(&target),
            named(indicators)
        )
    } else {
        let Retracted { target, indicators, matches, .. } =
            store.retract(&args.target, &args.reason, now())?;
        format!(
            "{} is not flagged from now on: {}, {} earlier matches retracted\n",
            escape_controls(&target),
            named(indicators),
            grouped(matches)
        )
    };
    Sink::stdout()?.write(text.as_bytes())?;
    Ok(Exit::Done)
}

fn named(indicators: u64) -> String {
    match indicators {
        0 => "no indicator that names it now".to_owned(),
        1 => "1 indicator that names it".to_owned(),
        count => format!("{} indicators that name it", grouped(count)),
    }
}
