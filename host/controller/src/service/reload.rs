//! Reading the configuration again, as a whole or not at all.

use std::fmt::Display;
use std::sync::Arc;

use rustls::ServerConfig;

use super::{Service, held, now};
use crate::config::{Config, ConfigError, Loaded, load};
use crate::logging;
use crate::network::server_tls_config;

/// A configuration, and what was made from the files that it names.
pub(crate) struct InUse {
    pub(crate) config: Config,
    /// TLS settings of the server; `None` where it speaks plain HTTP, or where there is none.
    pub(crate) tls: Option<Arc<ServerConfig>>,
}

impl InUse {
    /// Reads the server's certificates.
    pub(crate) fn new(config: Config) -> anyhow::Result<InUse> {
        let server = config.server.as_ref();
        let tls = server.and_then(|server| {
            let certificate = server.certificate.as_ref()?;
            let authorities = &server.client_ca_files;
            Some(server_tls_config(certificate, authorities, server.has_tokens()))
        });
        let tls = tls.transpose().map_err(|error| error.context("[server]"))?.map(Arc::new);
        Ok(InUse { config, tls })
    }
}

/// A reason why the configuration is not read again. The previous one stays in use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// The file is wrong.
    #[error("{}", with_sources(.0))]
    Wrong(#[from] ConfigError),
    /// A setting cannot change while the program runs.
    #[error(
        "{setting}: expected {in_use}, which cannot change while the program runs, got {got}; \
         start the program again"
    )]
    Fixed { setting: &'static str, in_use: String, got: String },
    /// Something that the configuration names cannot be used.
    #[error("{0:#}")]
    Unusable(anyhow::Error),
}

fn with_sources(error: &ConfigError) -> String {
    match error {
        ConfigError::Unreadable { source, .. } => format!("{error}: {source}"),
        error => error.to_string(),
    }
}

impl Service {
    /// Reads the configuration again, with its secrets and certificates. The next round uses it.
    /// Starts the schedule, if it is stopped. After a refusal, everything stays as it was.
    pub(crate) fn reload(&self) -> Result<(), Refused> {
        let _one_at_a_time = held(&self.reloading);
        let result = self.try_reload();
        *held(&self.refused) = result.as_ref().err().map(ToString::to_string);
        match &result {
            Ok(()) => {
                tracing::info!(config = %self.config_path.display(), "configuration reloaded")
            }
            Err(refused) => tracing::error!(
                reason = refused.to_string(),
                "the configuration is refused; the previous one stays in use"
            ),
        }
        self.changed.notify_one();
        result
    }

    fn try_reload(&self) -> Result<(), Refused> {
        let Loaded { config, warnings, .. } = load(&self.config_path)?;
        check_fixed(&self.in_use().config, &config)?;
        let new = InUse::new(config).map_err(Refused::Unusable)?;
        let log = logging::Prepared::new(&new.config.logging).map_err(Refused::Unusable)?;
        let mut timing = held(&self.timing);
        timing.plan(&new.config.schedule, now()).map_err(Refused::Unusable)?;
        self.log.change(log).map_err(Refused::Unusable)?;
        timing.start(now());
        drop(timing);
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        self.in_use.send_replace(Arc::new(new));
        Ok(())
    }
}

/// Finds a setting that cannot change while the program runs.
fn check_fixed(in_use: &Config, new: &Config) -> Result<(), Refused> {
    let fixed = |setting, in_use: &dyn Display, got: &dyn Display| {
        Err(Refused::Fixed { setting, in_use: in_use.to_string(), got: got.to_string() })
    };
    if in_use.state != new.state {
        return fixed("state", &in_use.state.display(), &new.state.display());
    }
    match (&in_use.server, &new.server) {
        (Some(old), Some(new)) if old.listen != new.listen => {
            fixed("server.listen", &old.listen, &new.listen)
        }
        (Some(old), None) => fixed("server.listen", &old.listen, &"no server"),
        (None, Some(new)) => fixed("server.listen", &"no server", &new.listen),
        _ => Ok(()),
    }
}
