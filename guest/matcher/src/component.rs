//! The component's exports, and its state between calls.

use std::cell::RefCell;

use threatsieve_blacklist::image::FORMAT;
use threatsieve_blacklist::{
    BatchError, EntryType, GuestBlacklist, Hit, How, NORMALISER, Role, Scratch,
};

use crate::bindings::exports::threatsieve::matcher::lookup;
use crate::image;

/// The most hits in one answer. The contract sets this number; it keeps an answer below 20 MiB.
const MAX_HITS: usize = 1 << 20;

/// The state that an instance keeps between calls.
struct State {
    blacklist: Result<GuestBlacklist<'static>, lookup::Fault>,
    /// Buffers of the current call, as `hits` is. The next call uses their memory again.
    scratch: Scratch,
    hits: Vec<Hit>,
}

impl State {
    fn new() -> State {
        let blacklist = image::mapped().ok_or(lookup::Fault::BlacklistMissing).and_then(|image| {
            GuestBlacklist::new(image)
                .map_err(|error| lookup::Fault::BlacklistUnreadable(error.to_string()))
        });
        State { blacklist, scratch: Scratch::default(), hits: Vec::new() }
    }

    fn check(&mut self, batch: &[u8]) -> Result<Vec<lookup::Hit>, lookup::Fault> {
        let blacklist = self.blacklist.as_ref().map_err(lookup::Fault::clone)?;
        self.hits.clear();
        let checked = blacklist.check(batch, &mut self.scratch, &mut self.hits);
        checked.map_err(|error| lookup::Fault::Batch(error.into()))?;
        if self.hits.len() > MAX_HITS {
            return Err(lookup::Fault::TooManyHits(self.hits.len() as u32));
        }
        Ok(self.hits.iter().map(lookup::Hit::from).collect())
    }
}

thread_local! {
    /// A component has one thread, so this is a plain static without a lock.
    static STATE: RefCell<State> = RefCell::new(State::new());
}

pub(crate) struct Component;

impl lookup::Guest for Component {
    fn check(batch: Vec<u8>) -> Result<Vec<lookup::Hit>, lookup::Fault> {
        STATE.with_borrow_mut(|state| state.check(&batch))
    }

    fn describe() -> Result<lookup::Description, lookup::Fault> {
        STATE.with_borrow(|state| {
            let image = state.blacklist.as_ref().map_err(lookup::Fault::clone)?.image();
            let counts = Role::ALL
                .iter()
                .flat_map(|role| EntryType::ALL.map(|kind| image.count(*role, kind)));
            Ok(lookup::Description {
                normaliser: NORMALISER.into(),
                format: FORMAT.into(),
                generation: image.generation(),
                name: image.name().to_owned(),
                entries: counts.sum(),
                image_bytes: image.guest_bytes() as u32,
            })
        })
    }
}

impl From<&Hit> for lookup::Hit {
    fn from(hit: &Hit) -> lookup::Hit {
        lookup::Hit {
            observable: hit.observable,
            entry: hit.entry,
            how: match hit.how {
                How::Exact => lookup::How::Exact,
                How::Subdomain => lookup::How::Subdomain,
                How::Cidr => lookup::How::Cidr,
                How::Range => lookup::How::Range,
                How::Url => lookup::How::Url,
                How::UrlPrefix => lookup::How::UrlPrefix,
                How::UrlQueryUnlogged => lookup::How::UrlQueryUnlogged,
                How::FileName => lookup::How::FileName,
            },
            allowed_by: hit.allowed_by,
        }
    }
}

impl From<BatchError> for lookup::Malformed {
    fn from(error: BatchError) -> lookup::Malformed {
        // Offsets and sizes fit in 32 bits: they are those of a buffer in this memory.
        match error {
            BatchError::TooLarge { got } => lookup::Malformed::TooLarge(got as u32),
            BatchError::TooMany => lookup::Malformed::TooMany,
            BatchError::Truncated { at } => lookup::Malformed::Truncated(at as u32),
            BatchError::UnknownKind { at, kind } => {
                lookup::Malformed::UnknownKind(lookup::UnknownKind { at: at as u32, kind })
            }
        }
    }
}
