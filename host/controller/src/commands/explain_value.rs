//! `threatsieve explain`: explains why a value matches or does not.

use anyhow::Context as _;

use super::configured::loaded;
use crate::cli::ExplainArgs;
use crate::exit::{Exit, Failure};
use crate::explain::{Explanation, Nearest, Readings, explain_in_state};
use crate::indicators::prepare;
use crate::matching::Matcher;
use crate::output::Sink;
use crate::store::Store;

/// Explains the value that the arguments name.
pub(crate) fn explain_value(args: &ExplainArgs) -> Result<Exit, Failure> {
    let names_none = args.feeds.paths().next().is_none() && args.blacklist.blacklist.is_none();
    let (policy, at) = (args.policy.policy(), args.policy.at());
    let explanation = if names_none {
        let Some(loaded) = loaded(&args.config.path())? else { return Ok(Exit::Usage) };
        let store = Store::open_to_read(&loaded.config.state)?;
        let explanation = explain_in_state(&store, &loaded.config, &args.value, &policy, at)?;
        explanation.context("there is no blacklist yet: `threatsieve poll` makes the first one")?
    } else {
        let readings = Readings::new(&args.value);
        let mut nearest = Nearest::new(&readings);
        let prepared = prepare(&args.feeds, &args.blacklist, &mut |feed, rejection| {
            nearest.reject(feed, rejection)
        })?;
        let matcher = Matcher::new(prepared.blacklist, policy, 1)?;
        Explanation::new(&readings, &matcher, at, nearest)?
    };
    let text = if args.json { explanation.json()? } else { explanation.text() };
    Sink::stdout()?.write(text.as_bytes())?;
    Ok(if args.exit_code && explanation.matches() { Exit::Matched } else { Exit::Done })
}
