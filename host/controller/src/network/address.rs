//! Hosts that only the configuration may name, not a remote server: this machine and the hosts of
//! private networks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use threatsieve_blacklist::compile::special_purpose;
use tokio::net::lookup_host;
use url::{Host, Url};

/// Local names: those that no public name server answers for (RFC 6761, RFC 6762, RFC 8375, and
/// ICANN's reservation of `internal`), and those that home routers use.
const LOCAL_NAMES: [&str; 7] =
    ["localhost", "local", "internal", "lan", "localdomain", "home.arpa", "intranet"];
/// Environment variables that name a proxy.
const PROXY_VARIABLES: [&str; 6] =
    ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

/// A refusal to connect to a host, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refused(String);

/// Allows public hosts only. Checks a name, and then the addresses that the client connects to: a
/// second look-up could return other addresses. A proxy looks names up itself, so behind a proxy
/// only the name is checked.
#[derive(Debug, Clone)]
pub(crate) struct PublicHosts {
    /// Names of the proxies. Their addresses may be local.
    proxies: Vec<String>,
}

impl PublicHosts {
    /// `proxy` is the configured proxy. Without one, the proxies come from the environment.
    pub(crate) fn new(proxy: Option<&Url>) -> PublicHosts {
        let proxies = match proxy {
            Some(proxy) => proxy.host_str().map(str::to_owned).into_iter().collect(),
            None => PROXY_VARIABLES
                .iter()
                .filter_map(|name| proxy_host(&std::env::var(name).ok()?))
                .collect(),
        };
        PublicHosts { proxies }
    }

    /// Checks a URL's host as it is written, without a look-up.
    pub(crate) fn check(&self, url: &Url) -> Result<(), Refused> {
        match url.host() {
            Some(Host::Ipv4(address)) => check_address(address.into()),
            Some(Host::Ipv6(address)) => check_address(address.into()),
            Some(Host::Domain(name)) => {
                let name = name.trim_end_matches('.').to_ascii_lowercase();
                let is_below = |local: &&str| {
                    name.strip_suffix(*local)
                        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
                };
                let is_local = !name.contains('.') || LOCAL_NAMES.iter().any(is_below);
                if is_local || self.proxies.contains(&name) {
                    return Err(Refused(format!("{name} is a name of a private network")));
                }
                Ok(())
            }
            None => Err(Refused("the URL has no host".to_owned())),
        }
    }
}

impl Resolve for PublicHosts {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().to_owned();
        let is_proxy = self.proxies.contains(&name);
        Box::pin(async move {
            let found: Vec<SocketAddr> = lookup_host((name.as_str(), 0)).await?.collect();
            let judge =
                |address: &SocketAddr| if is_proxy { Ok(()) } else { check_address(address.ip()) };
            let allowed: Vec<SocketAddr> =
                found.iter().copied().filter(|address| judge(address).is_ok()).collect();
            match found.first().map(judge) {
                Some(Err(refused)) if allowed.is_empty() => Err(refused.into()),
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

fn check_address(address: IpAddr) -> Result<(), Refused> {
    match special_purpose(embedded(address)) {
        Some((network, purpose)) => Err(Refused(format!("{address} is in {network} ({purpose})"))),
        None => Ok(()),
    }
}

/// Returns the IPv4 address that a NAT64 translator would connect to (RFC 6052 section 2.1).
/// Returns any other address unchanged.
fn embedded(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6)
            if v6.segments()[..6]
                == Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0).segments()[..6] =>
        {
            let [.., a, b, c, d] = v6.octets();
            Ipv4Addr::new(a, b, c, d).into()
        }
        address => address,
    }
}

/// Returns the host of a proxy from the environment, which is a URL or `host:port`.
fn proxy_host(text: &str) -> Option<String> {
    let url = Url::parse(text).ok().filter(Url::has_host);
    url.or_else(|| Url::parse(&format!("http://{text}")).ok())?.host_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_hosts_are_refused_however_they_are_written() {
        let hosts = PublicHosts::new(Some(&"http://proxy.example:3128".parse().unwrap()));
        for url in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0.0.0.0:9200/",
            "http://[::1]/",
            "http://[::ffff:10.1.2.3]/",
            "http://[64:ff9b::10.1.2.3]/",
            "http://[fe80::1]/",
            "http://[fd12::1]/",
            "http://169.254.169.254/latest/meta-data/",
            "http://192.168.1.1/",
            "http://100.64.0.1/",
            "http://localhost/",
            "http://LOCALHOST./",
            "http://x.localhost/",
            "http://metadata.google.internal/",
            "http://intranet/",
            "http://proxy.example:6379/",
        ] {
            assert!(hosts.check(&url.parse().unwrap()).is_err(), "{url}");
        }
        for url in [
            "http://feeds.example/",
            "http://9.9.9.9/",
            "http://[2620:fe::fe]/",
            "http://thelan.example/",
        ] {
            assert_eq!(hosts.check(&url.parse().unwrap()), Ok(()), "{url}");
        }
    }

    #[tokio::test]
    async fn addresses_that_are_connected_to_are_judged() {
        let resolve = async |hosts: &PublicHosts, name: &str| {
            let found = hosts.resolve(name.parse().unwrap()).await;
            found.map(Iterator::count).map_err(|error| error.to_string())
        };
        let error = resolve(&PublicHosts { proxies: Vec::new() }, "localhost").await.unwrap_err();
        assert!(error.contains("loopback"), "{error}");
        let error = resolve(&PublicHosts { proxies: Vec::new() }, "127.0.0.1").await.unwrap_err();
        assert_eq!(error, "127.0.0.1 is in 127.0.0.0/8 (loopback)");
        assert!(
            resolve(&PublicHosts { proxies: vec!["localhost".to_owned()] }, "localhost")
                .await
                .unwrap()
                > 0
        );
    }

    #[test]
    fn proxies_are_named_in_two_ways() {
        assert_eq!(
            proxy_host("http://user:word@proxy.example:3128").as_deref(),
            Some("proxy.example")
        );
        assert_eq!(proxy_host("proxy:3128").as_deref(), Some("proxy"));
        assert_eq!(proxy_host(""), None);
    }
}
