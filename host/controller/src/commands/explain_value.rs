//! `threatsieve explain`: explains why a value matches or does not.

use anyhow::Context as _;

use super::configured::loaded;
use crate::cli::ExplainArgs;
use crate::exit::{Exit, Failure};
use crate::explain::{Explanation, Nearest, Readings};
use crate::indicators::{generation, prepare};
use crate::matching::Matcher;
use crate::output::Sink;
use crate::policy::Assessor;
use crate::store::Store;

/// Explains the value that the arguments name.
pub(crate) fn explain_value(args: &ExplainArgs) -> Result<Exit, Failure> {
    let readings = Readings::new(&args.value);
    let mut nearest = Nearest::new(&readings);
    let names_none = args.feeds.paths().next().is_none() && args.blacklist.blacklist.is_none();
    let blacklist = if names_none {
        let Some(loaded) = loaded(&args.config.path())? else { return Ok(Exit::Usage) };
        let store = Store::open_to_read(&loaded.config.state)?;
        let assessor = Assessor::new(&loaded.config)?;
        nearest.look_in_state(&store, &assessor, args.policy.at())?;
        let held = generation::active(&store, &loaded.config)?;
        held.context("there is no blacklist yet: `threatsieve poll` makes the first one")?
    } else {
        prepare(&args.feeds, &args.blacklist, &mut |feed, rejection| {
            nearest.reject(feed, rejection)
        })?
        .blacklist
    };
    let matcher = Matcher::new(blacklist, args.policy.policy(), 1)?;
    let explanation = Explanation::new(&readings, &matcher, args.policy.at(), nearest)?;
    Sink::stdout()?
        .write(if args.json { explanation.json() } else { explanation.text() }.as_bytes())?;
    Ok(if args.exit_code && explanation.matches() { Exit::Matched } else { Exit::Done })
}
