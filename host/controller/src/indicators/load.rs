//! Compiles lists and feeds into a blacklist.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::BufReader;
use std::path::PathBuf;

use anyhow::anyhow;
use threatsieve_blacklist::{
    CompileError, CompileOptions, Compiled, Compiler, FeedId, Indicator, IndicatorId,
    RejectedValue, Timestamp, UrlMode,
};
use threatsieve_feed::preset::Presets;
use threatsieve_feed::{
    FeedError, FeedOptions, FeedReport, RejectedLine, StixLimits, StixSet, Unreduced,
    latest_modified, read_feed,
};

use super::rejecting::{OnRejection, Rejecting, Rejections};
use crate::cli::FeedArgs;
use crate::exit::Failure;
use crate::policy::FeedRules;
use crate::rejection::Rejection;
use crate::sources::{self, Decoder, Input, Walk};

/// The result of loading lists and feeds.
pub(crate) struct Loaded {
    pub(crate) compiled: Compiled,
    pub(crate) rejections: Rejections,
    /// Inputs that do not look like lists or feeds, each with the reason.
    pub(crate) doubts: Vec<String>,
}

/// The name and generation of a blacklist.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) generation: u64,
}

/// Reads and compiles all lists and feeds that the arguments name.
pub(crate) fn load(
    args: &FeedArgs,
    identity: Identity,
    each: OnRejection<'_>,
) -> Result<Loaded, Failure> {
    let compiler = Compiler::new(CompileOptions {
        name: identity.name,
        generation: identity.generation,
        accept_special: args.accept_special,
        accept_broad: args.accept_broad,
    })?;
    let mut loader = Loader {
        compiler,
        url_mode: args.url_match.into(),
        options: FeedOptions {
            format: args.list_format.clone(),
            url_mode: Some(args.url_match.into()),
            match_port: args.match_port,
            presets: Presets::default(),
            is_utf8: false,
        },
        may_be_empty: args.may_be_empty,
        doubts: Vec::new(),
        names: HashMap::new(),
        feeds: Vec::new(),
        rules: FeedRules::of_warninglists(&args.warninglist)?,
        rejecting: Rejecting { counts: Rejections::default(), each },
    };
    loader.load(args.list.iter().chain(&args.feed), Role::Block)?;
    loader.load(args.allow.iter(), Role::Allow)?;
    let Loader { compiler, rejecting, doubts, .. } = loader;
    Ok(Loaded { compiled: compiler.finish()?, rejections: rejecting.counts, doubts })
}

#[derive(Debug, Clone, Copy)]
enum Role {
    Block,
    Allow,
}

struct Loader<'a> {
    compiler: Compiler,
    url_mode: UrlMode,
    options: FeedOptions,
    may_be_empty: bool,
    doubts: Vec<String>,
    /// The first file with each feed's name.
    names: HashMap<String, Input>,
    /// The feeds in the order of the numbers that they have while STIX objects are collected.
    feeds: Vec<(FeedId, String)>,
    rejecting: Rejecting<'a>,
    /// The warninglists.
    rules: FeedRules,
}

impl Loader<'_> {
    /// Reads files in their order. All STIX objects are collected before they are reduced, because
    /// a newer version in any file replaces an older one.
    fn load<'p>(
        &mut self,
        paths: impl Iterator<Item = &'p PathBuf>,
        role: Role,
    ) -> Result<(), Failure> {
        let mut stix = StixSet::new(StixLimits {
            url_mode: self.url_mode,
            latest_modified: latest_modified(Timestamp(jiff::Timestamp::now().as_microsecond())),
            ..StixLimits::default()
        });
        for input in Walk::new(paths) {
            let input = input?;
            let number = self.feed(&input)?;
            // A file that does not exist is wrong usage. One that cannot be read to its end is
            // damaged.
            let opened = sources::open_buffered(&input).map_err(|damage| match damage {
                sources::Damage::Unreadable { offset: 0, .. } => {
                    Failure::from(anyhow!(damage).context(input.name()))
                }
                damage => Failure::damaged(anyhow!(damage).context(input.name())),
            });
            let report = self.read(number, &mut opened?, role, &mut stix).map_err(|error| {
                let error = error.context(input.name());
                // The user knows which column has the values, so this is wrong usage.
                match error.downcast_ref::<FeedError>().is_some_and(FeedError::is_ambiguous) {
                    true => Failure::from(error),
                    false => Failure::damaged(error),
                }
            })?;
            // An allow-list may be empty until it is needed.
            let may_be_empty = self.may_be_empty || matches!(role, Role::Allow);
            if let Some(doubt) = report.doubt(may_be_empty, None) {
                self.doubts.push(format!("{}: {doubt}", input.name()));
            }
        }
        self.reduce(stix, role)?;
        Ok(())
    }

    /// Names a feed by its file's name, or by the whole path if another file has the same name.
    fn feed(&mut self, input: &Input) -> Result<u16, CompileError> {
        let mut name = input.name();
        if let Input::File(path) = input
            && let Some(short) = path.file_name()
        {
            let short = short.to_string_lossy().into_owned();
            if self.names.get(&short).is_none_or(|first| first == input) {
                name = short;
            }
        }
        self.names.entry(name.clone()).or_insert_with(|| input.clone());
        let number = u16::try_from(self.feeds.len()).map_err(|_| CompileError::Feeds)?;
        self.feeds.push((self.compiler.feed(&name)?, name));
        Ok(number)
    }

    fn read(
        &mut self,
        number: u16,
        reader: &mut BufReader<Decoder>,
        role: Role,
        stix: &mut StixSet,
    ) -> anyhow::Result<FeedReport> {
        let (feed, name) = &self.feeds[usize::from(number)];
        let (compiler, rejecting) = (&mut self.compiler, RefCell::new(&mut self.rejecting));
        let mut full = None;
        let rules = &self.rules;
        let mut take = |mut indicator: Indicator, listed: &str| {
            role.keep(rules, &mut indicator, &mut |one| rejecting.borrow_mut().reject(name, &one));
            // People search for what they wrote, not for its normal form.
            let is_one = indicator.values.len() == 1;
            let mut refuse = |refused: RejectedValue| {
                let value = if is_one { listed.to_owned() } else { refused.value };
                rejecting.borrow_mut().refuse(RejectedValue { value, ..refused });
            };
            full = full.take().or(role.list(compiler, *feed, indicator, &mut refuse).err());
        };
        let mut reject =
            |line: RejectedLine| rejecting.borrow_mut().reject(name, &Rejection::from(line));
        let report = read_feed(reader, &self.options, number, stix, &mut take, &mut reject, None)?;
        rejecting.borrow_mut().skip(&report.skipped);
        full.map_or(Ok(report), |error| Err(error.into()))
    }

    /// Passes the indicators of all bundles to the compiler.
    fn reduce(&mut self, stix: StixSet, role: Role) -> Result<(), CompileError> {
        let feeds = &self.feeds;
        let (compiler, rejecting) = (&mut self.compiler, RefCell::new(&mut self.rejecting));
        let mut full = None;
        let rules = &self.rules;
        let mut take = |number: u16, mut indicator: Indicator| {
            let mut refuse = |refused| rejecting.borrow_mut().refuse(refused);
            let (feed, name) = &feeds[usize::from(number)];
            role.keep(rules, &mut indicator, &mut |one| rejecting.borrow_mut().reject(name, &one));
            full = full.take().or(role.list(compiler, *feed, indicator, &mut refuse).err());
        };
        let mut unreduced = |one: Unreduced| {
            let feed = &feeds[usize::from(one.feed)].1;
            rejecting.borrow_mut().reject(feed, &Rejection::from(one));
        };
        stix.finish(&mut take, &mut unreduced);
        full.map_or(Ok(()), Err)
    }
}

impl Role {
    /// Takes away the blocked values that a warninglist covers.
    fn keep(
        self,
        rules: &FeedRules,
        indicator: &mut Indicator,
        rejected: &mut dyn FnMut(Rejection),
    ) {
        let Indicator { id, values, .. } = indicator;
        values.retain(|value| {
            let why = rules.is_harmless(value).filter(|_| matches!(self, Role::Block));
            let Some(why) = why else { return true };
            rejected(Rejection {
                id: match id {
                    IndicatorId::Stix(id) => id.clone(),
                    IndicatorId::Line(line) => line.to_string(),
                },
                value: value.to_string(),
                kind: why.rule().to_owned(),
                reason: why.to_string(),
                is_pattern: false,
            });
            false
        });
    }

    fn list(
        self,
        compiler: &mut Compiler,
        feed: FeedId,
        indicator: Indicator,
        refused: &mut dyn FnMut(RejectedValue),
    ) -> Result<(), CompileError> {
        match self {
            Role::Block => compiler.block(feed, indicator, refused),
            Role::Allow => compiler.allow(feed, indicator, refused),
        }
    }
}
