//! The functions that `org.threatsieve.core.matcher.Native` declares, and which it documents with
//! their JSON. Each converts its arguments, makes one call and converts the result.
//!
//! Nothing unwinds into the JVM: a panic is caught and becomes a `NativeException` like any other
//! [`Failure`].

use std::any::Any;
use std::cell::RefCell;
use std::path::Path;
use std::time::SystemTime;

use jni::errors::{Error, ErrorPolicy};
use jni::objects::{
    JByteArray, JClass, JIntArray, JPrimitiveArray, JString, JThrowable, TypeArray,
};
use jni::strings::JNIStr;
use jni::sys::{jboolean, jint, jlong};
use jni::{Env, EnvUnowned, JValue, jni_mangle, jni_sig, jni_str};
use serde_json::Value;
use threatsieve_blacklist::Timestamp;
use threatsieve_blacklist::observable::MAX_BATCH_BYTES;

use crate::check::{self, Details};
use crate::failure::{Failure, Kind};
use crate::lines;
use crate::node::Node;
use crate::nodes;
use crate::options::{CheckOptions, NodeOptions, TermOptions};
use crate::terms;

/// Increased with every change of the interface between Java and this library.
const CONTRACT: jint = 3;
/// The largest buffer, in bytes, that is kept for the thread's next call.
const KEPT_BYTES: usize = 1 << 20;
/// The longest options in bytes: the names of 256 fields, and more than enough for the rest.
const MAX_OPTIONS_BYTES: usize = 1 << 20;

/// Buffers for the content of Java's arrays, so that the usual call allocates nothing.
#[derive(Default)]
struct Buffers {
    options: Vec<i8>,
    batch: Vec<i8>,
}

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::default();
}

/// `contract()`.
#[jni_mangle("org.threatsieve.core.matcher.Native")]
pub extern "system" fn contract<'local>(_env: EnvUnowned<'local>, _class: JClass<'local>) -> jint {
    CONTRACT
}

/// `open(byte[])`.
#[jni_mangle("org.threatsieve.core.matcher.Native")]
pub extern "system" fn open<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    options: JByteArray<'local>,
) -> jlong {
    env.with_env(|env| {
        let mut json = Vec::new();
        let length = options.len(env)?;
        let json = copy(env, &options, length, MAX_OPTIONS_BYTES, &mut json, "options")?;
        Ok(nodes::open(Node::new(NodeOptions::read(unsigned(json))?)))
    })
    .resolve::<Throw>()
}

/// `close(long)`.
#[jni_mangle("org.threatsieve.core.matcher.Native")]
pub extern "system" fn close<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) {
    env.with_env(|_| {
        nodes::close(handle);
        Ok(())
    })
    .resolve::<Throw>();
}

/// `inspect(long, String)`.
#[jni_mangle("org.threatsieve.core.matcher.Native")]
pub extern "system" fn inspect<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    path: JString<'local>,
) -> JByteArray<'local> {
    env.with_env(|env| {
        let path = path.try_to_string(env)?;
        let value = nodes::get(handle)?.inspect(Path::new(&path))?;
        json(env, &value)
    })
    .resolve::<Throw>()
}

/// `load(long, String, String)`.
#[jni_mangle("org.threatsieve.core.matcher.Native")]
pub extern "system" fn load<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    name: JString<'local>,
    path: JString<'local>,
) {
    env.with_env(|env| {
        let (name, path) = (name.try_to_string(env)?, path.try_to_string(env)?);
        nodes::get(handle)?.load(&name, Path::new(&path))
    })
    .resolve::<Throw>();
}

/// `unload(long, String)`.
#[jni_mangle("org.threatsieve.core.matcher.Native")]
pub extern "system" fn unload<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    name: JString<'local>,
) -> jboolean {
    env.with_env(|env| {
        let name = name.try_to_string(env)?;
        Ok(nodes::get(handle)?.unload(&name))
    })
    .resolve::<Throw>()
}

/// `status(long)`.
#[jni_mangle("org.threatsieve.core.matcher.Native")]
pub extern "system" fn status<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) -> JByteArray<'local> {
    env.with_env(|env| {
        let value = nodes::get(handle)?.status();
        json(env, &value)
    })
    .resolve::<Throw>()
}

/// `check(long, String, byte[], byte[], int, int, int[], byte[], int, int)`.
#[jni_mangle("org.threatsieve.core.matcher.Native")]
pub extern "system" fn check<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    blacklist: JString<'local>,
    options: JByteArray<'local>,
    batch: JByteArray<'local>,
    length: jint,
    observables: jint,
    places: JIntArray<'local>,
    contexts: JByteArray<'local>,
    contexts_length: jint,
    documents: jint,
) -> JByteArray<'local> {
    env.with_env(|env| {
        let loaded = nodes::get(handle)?.blacklist(&blacklist.try_to_string(env)?)?;
        let (observables, documents) =
            (count("observables", observables)?, count("documents", documents)?);
        let contexts_length = count("contextsLength", contexts_length)?;
        let answer = with_buffers(
            env,
            &options,
            (&batch, count("length", length)?),
            CheckOptions::cached,
            |env, options, batch| {
                check::check(
                    &loaded,
                    options,
                    batch,
                    observables as u32,
                    documents as u32,
                    now(),
                    || {
                        let mut details = Details { places: Vec::new(), contexts: Vec::new() };
                        copy(env, &places, observables, usize::MAX, &mut details.places, "places")?;
                        let mut bytes = Vec::new();
                        let bytes = copy(
                            env,
                            &contexts,
                            contexts_length,
                            usize::MAX,
                            &mut bytes,
                            "contexts",
                        )?;
                        details.contexts = unsigned(bytes).to_vec();
                        Ok(details)
                    },
                )
            },
        )?;
        bytes_or_null(env, answer)
    })
    .resolve::<Throw>()
}

/// `checkLines(long, String, byte[], byte[], int, int)`.
#[jni_mangle("org.threatsieve.core.matcher.Native")]
pub extern "system" fn check_lines<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    blacklist: JString<'local>,
    options: JByteArray<'local>,
    lines: JByteArray<'local>,
    length: jint,
    documents: jint,
) -> JByteArray<'local> {
    env.with_env(|env| {
        let loaded = nodes::get(handle)?.blacklist(&blacklist.try_to_string(env)?)?;
        let documents = count("documents", documents)?;
        let answer = with_buffers(
            env,
            &options,
            (&lines, count("length", length)?),
            CheckOptions::cached,
            |_, options, lines| {
                lines::check_lines(&loaded, options, lines, documents as u32, now())
            },
        )?;
        bytes_or_null(env, answer)
    })
    .resolve::<Throw>()
}

/// `served(long, String)`.
#[jni_mangle("org.threatsieve.core.matcher.Native")]
pub extern "system" fn served<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    blacklist: JString<'local>,
) -> JByteArray<'local> {
    env.with_env(|env| {
        let loaded = nodes::get(handle)?.blacklist(&blacklist.try_to_string(env)?)?;
        Ok(env.byte_array_from_slice(&terms::served(&loaded)?)?)
    })
    .resolve::<Throw>()
}

/// `checkTerms(long, String, byte[], byte[], int, int)`.
#[jni_mangle("org.threatsieve.core.matcher.Native")]
pub extern "system" fn check_terms<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    blacklist: JString<'local>,
    options: JByteArray<'local>,
    batch: JByteArray<'local>,
    length: jint,
    terms: jint,
) -> JByteArray<'local> {
    env.with_env(|env| {
        let loaded = nodes::get(handle)?.blacklist(&blacklist.try_to_string(env)?)?;
        let terms = count("terms", terms)?;
        let answer = with_buffers(
            env,
            &options,
            (&batch, count("length", length)?),
            TermOptions::read,
            |_, options, batch| terms::check_terms(&loaded, options, batch, terms as u32),
        )?;
        Ok(env.byte_array_from_slice(&answer)?)
    })
    .resolve::<Throw>()
}

/// Copies options and batch into the thread's buffers, reads the options, and calls `run` with
/// both.
fn with_buffers<T, O>(
    env: &mut Env<'_>,
    options: &JByteArray<'_>,
    (batch, length): (&JByteArray<'_>, usize),
    read: impl FnOnce(&[u8]) -> Result<O, Failure>,
    run: impl FnOnce(&mut Env<'_>, &O, &[u8]) -> Result<T, Failure>,
) -> Result<T, Failure> {
    BUFFERS.with_borrow_mut(|buffers| {
        let options_length = options.len(env)?;
        let json =
            copy(env, options, options_length, MAX_OPTIONS_BYTES, &mut buffers.options, "options")?;
        let options = read(unsigned(json))?;
        let bytes = copy(env, batch, length, MAX_BATCH_BYTES, &mut buffers.batch, "the batch")?;
        let result = run(env, &options, unsigned(bytes));
        if buffers.batch.len() > KEPT_BYTES {
            buffers.batch = Vec::new();
        }
        result
    })
}

/// Copies the first elements of a Java array into a buffer that grows as needed.
fn copy<'buffer, T: TypeArray + Copy + Default>(
    env: &Env<'_>,
    array: &JPrimitiveArray<'_, T>,
    length: usize,
    limit: usize,
    buffer: &'buffer mut Vec<T>,
    what: &str,
) -> Result<&'buffer [T], Failure> {
    let there = array.len(env)?;
    if length > there {
        return Err(Failure::new(
            Kind::Internal,
            format!("{what}: expected {length} elements, got {there}"),
        ));
    }
    if length > limit {
        return Err(Failure::new(
            Kind::Limit,
            format!("{what}: {length} bytes, expected at most {limit}"),
        ));
    }
    if let Some(more) = length.checked_sub(buffer.len()) {
        buffer
            .try_reserve_exact(more)
            .map_err(|_| Failure::memory(length * size_of::<T>(), what))?;
        buffer.resize(length, T::default());
    }
    array.get_region(env, 0, &mut buffer[..length])?;
    Ok(&buffer[..length])
}

fn unsigned(bytes: &[i8]) -> &[u8] {
    // SAFETY: i8 and u8 have the same size and alignment, and every value of one is a value of the
    // other.
    unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len()) }
}

fn count(what: &str, number: jint) -> Result<usize, Failure> {
    let negative =
        |_| Failure::new(Kind::Internal, format!("{what} is {number}, expected 0 or more"));
    usize::try_from(number).map_err(negative)
}

fn json<'local>(env: &mut Env<'local>, value: &Value) -> Result<JByteArray<'local>, Failure> {
    Ok(env.byte_array_from_slice(value.to_string().as_bytes())?)
}

fn bytes_or_null<'local>(
    env: &mut Env<'local>,
    bytes: Option<Vec<u8>>,
) -> Result<JByteArray<'local>, Failure> {
    match bytes {
        Some(bytes) => Ok(env.byte_array_from_slice(&bytes)?),
        None => Ok(JByteArray::null()),
    }
}

fn now() -> Timestamp {
    // A clock before 1970 is wrong. The time 1970 is as good a guess as any.
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    Timestamp(since.as_micros() as i64)
}

/// Throws a `NativeException`. Java ignores the function's return value.
struct Throw;

impl<T: Default> ErrorPolicy<T, Failure> for Throw {
    type Captures<'unowned_env_local: 'native_method, 'native_method> = ();

    fn on_error<'unowned_env_local: 'native_method, 'native_method>(
        env: &mut Env<'unowned_env_local>,
        _captures: &mut (),
        failure: Failure,
    ) -> jni::errors::Result<T> {
        throw(env, &failure).map(|()| T::default())
    }

    fn on_panic<'unowned_env_local: 'native_method, 'native_method>(
        env: &mut Env<'unowned_env_local>,
        _captures: &mut (),
        payload: Box<dyn Any + Send + 'static>,
    ) -> jni::errors::Result<T> {
        throw(env, &Failure::panicked(&*payload)).map(|()| T::default())
    }
}

fn throw(env: &mut Env<'_>, failure: &Failure) -> jni::errors::Result<()> {
    let typed = throw_typed(env, failure);
    if env.exception_check() {
        return Ok(());
    }
    // The class is in the plugin's own jar. Without it something must still be thrown, or Java
    // would take the default value for an answer.
    let message =
        env.new_string(format!("{}: {} ({typed:?})", failure.kind.name(), failure.message))?;
    let class = jni_str!("java/lang/IllegalStateException");
    throw_new(env, class, jni_sig!((message: java.lang.String) -> void), &[(&message).into()])
}

fn throw_typed(env: &mut Env<'_>, failure: &Failure) -> jni::errors::Result<()> {
    let kind = env.new_string(failure.kind.name())?;
    let message = env.new_string(&failure.message)?;
    let class = jni_str!("org/threatsieve/core/matcher/NativeException");
    let constructor = jni_sig!((kind: java.lang.String, message: java.lang.String) -> void);
    throw_new(env, class, constructor, &[(&kind).into(), (&message).into()])
}

/// Uses only functions of the JVM's own interface: a security manager keeps plugins from looking up
/// classes through class loaders.
fn throw_new<'sig, 'args>(
    env: &mut Env<'_>,
    class: &JNIStr,
    constructor: jni::signature::MethodSignature<'sig, 'args>,
    arguments: &[JValue<'_>],
) -> jni::errors::Result<()> {
    let class = env.find_class(class)?;
    let object = env.new_object(&class, constructor, arguments)?;
    // SAFETY: it is a local reference of this frame, its wrapper has given it up, and both classes
    // named above are throwables.
    let exception = unsafe { JThrowable::from_raw(env, object.into_raw()) };
    match env.throw(exception) {
        Err(Error::JavaException) => Ok(()),
        other => other,
    }
}
