//! `threatsieve explain`: why a value matches or does not.

use crate::cli::ExplainArgs;
use crate::exit::{Exit, Failure};
use crate::explain::{Explanation, Nearest, Readings};
use crate::indicators::prepare;
use crate::matching::Matcher;
use crate::output::Sink;

/// Explains the value that the arguments name.
pub(crate) fn explain_value(args: &ExplainArgs) -> Result<Exit, Failure> {
    let readings = Readings::new(&args.value);
    let mut nearest = Nearest::new(&readings);
    let prepared = prepare(&args.feeds, &args.blacklist, &mut |rejection| nearest.reject(rejection))?;
    let matcher = Matcher::new(prepared.blacklist, prepared.setup, args.policy.policy(), 1)?;
    let explanation = Explanation::new(&readings, &matcher, args.policy.at(), nearest)?;
    Sink::stdout()?.write(if args.json { explanation.json() } else { explanation.text() }.as_bytes())?;
    Ok(if args.exit_code && explanation.matches() { Exit::Matched } else { Exit::Done })
}
