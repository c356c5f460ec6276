//! Who is answered: requests that only read, that name this machine, come from our page or from no page, and have the
//! token if there is one.

use std::net::{IpAddr, SocketAddr};

use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, HeaderMap, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use sha2::{Digest as _, Sha256};

use crate::serve::problem::Problem;

/// Who is answered.
#[derive(Clone)]
pub(crate) struct Guard {
    address: SocketAddr,
    names: Vec<String>,
    /// The digest of the token: digests are compared, so that the time tells nothing about the token.
    token: Option<[u8; 32]>,
}

impl Guard {
    /// For requests to this address, or to one of these names.
    pub(crate) fn new(address: SocketAddr, names: &[String], token: Option<&str>) -> Self {
        Self {
            address,
            names: names.iter().map(|name| name.to_ascii_lowercase()).collect(),
            token: token.map(|token| Sha256::digest(token).into()),
        }
    }

    /// Whether a request only reads and is meant for us. A page of another site that got a browser to ask by a name of
    /// its own is refused here.
    pub(crate) fn admit(&self, head: &Parts) -> Result<(), Problem> {
        if !matches!(head.method, Method::GET | Method::HEAD) {
            let message = "only GET and HEAD are answered: nothing can be changed here";
            return Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, message));
        }
        let has_body = head.headers.contains_key(TRANSFER_ENCODING)
            || head
                .headers
                .get(CONTENT_LENGTH)
                .is_some_and(|length| length != "0");
        if has_body {
            return Err(Problem::wrong("a request has no body here"));
        }
        let mut hosts = head.headers.get_all(HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok());
        let is_ours = host.is_some_and(|host| self.is_ours(host))
            && hosts.next().is_none()
            && head
                .uri
                .authority()
                .is_none_or(|authority| self.is_ours(authority.as_str()));
        match is_ours {
            true => Ok(()),
            false => Err(Problem::new(
                StatusCode::MISDIRECTED_REQUEST,
                "this host is not served here: use the address that nfdecode printed, or --host NAME",
            )),
        }
    }

    /// Whether a `Host` names this server.
    fn is_ours(&self, host: &str) -> bool {
        let (name, port) = match host.rsplit_once(':') {
            // Not the end of an IPv6 address.
            Some((name, port)) if !port.ends_with(']') => (name, port.parse().ok()),
            _ => (host, Some(80)),
        };
        if port != Some(self.address.port()) {
            return false;
        }
        let name = name.to_ascii_lowercase();
        let plain = name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'))
            .unwrap_or(&name);
        let own = self.address.ip();
        match plain.parse::<IpAddr>() {
            Ok(found) => found == own || own.is_unspecified() || both_loopback(found, own),
            Err(_) => {
                self.names.contains(&name)
                    || (name == "localhost" && (own.is_loopback() || own.is_unspecified()))
            }
        }
    }

    /// Whether a request for data may have it. `has_ticket`: it has a ticket for this one thing instead of a token.
    pub(crate) fn authorize(
        &self,
        headers: &HeaderMap,
        has_ticket: impl FnOnce() -> bool,
    ) -> Result<(), Problem> {
        let site = headers.get("sec-fetch-site");
        if site.is_some_and(|site| site != "same-origin" && site != "none") {
            let message = "asked for by a page of another site";
            return Err(Problem::new(StatusCode::FORBIDDEN, message));
        }
        let Some(token) = &self.token else {
            return Ok(());
        };
        let given = headers.get(AUTHORIZATION).map(|value| value.as_bytes());
        let given = given.and_then(|value| value.strip_prefix(b"Bearer "));
        let is_right = given.is_some_and(|given| Sha256::digest(given)[..] == *token);
        match is_right || has_ticket() {
            true => Ok(()),
            false => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "the token is missing or wrong: open the whole address that nfdecode printed, or send the header \
                 `Authorization: Bearer TOKEN`",
            )),
        }
    }
}

fn both_loopback(one: IpAddr, other: IpAddr) -> bool {
    one.is_loopback() && other.is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(address: &str) -> Guard {
        let names = ["flows.example.org".to_owned()];
        Guard::new(address.parse().expect("an address"), &names, Some("secret"))
    }

    #[test]
    fn hosts() {
        let local = guard("127.0.0.1:8080");
        for host in [
            "127.0.0.1:8080",
            "LOCALHOST:8080",
            "[::1]:8080",
            "Flows.example.org:8080",
        ] {
            assert!(local.is_ours(host), "{host}");
        }
        for host in [
            "127.0.0.1",
            "127.0.0.1:80",
            "evil.example:8080",
            "127.0.0.1.evil.example:8080",
            "192.0.2.1:8080",
            "localhost.:8080",
            "127.0.0.1:8080:8080",
            "",
            ":8080",
            "[::1",
        ] {
            assert!(!local.is_ours(host), "{host}");
        }
        assert!(guard("0.0.0.0:80").is_ours("192.0.2.1"));
        assert!(guard("192.0.2.1:80").is_ours("192.0.2.1"));
        assert!(!guard("192.0.2.1:80").is_ours("localhost"));
    }

    #[test]
    fn tokens() {
        let guard = guard("127.0.0.1:8080");
        let status = |headers: &[(&'static str, &str)], ticket: bool| {
            let headers = headers
                .iter()
                .map(|(name, value)| {
                    let name = hyper::header::HeaderName::from_static(name);
                    (name, value.parse().expect("a value"))
                })
                .collect();
            guard
                .authorize(&headers, || ticket)
                .map_err(|problem| problem.status.as_u16())
        };
        assert_eq!(status(&[("authorization", "Bearer secret")], false), Ok(()));
        assert_eq!(status(&[], true), Ok(()));
        for wrong in ["", "secret", "Bearer ", "Bearer secret2", "bearer secret"] {
            assert_eq!(
                status(&[("authorization", wrong)], false),
                Err(403),
                "{wrong}"
            );
        }
        let good = ("authorization", "Bearer secret");
        assert_eq!(
            status(&[good, ("sec-fetch-site", "same-origin")], false),
            Ok(())
        );
        assert_eq!(
            status(&[good, ("sec-fetch-site", "cross-site")], false),
            Err(403)
        );
        assert_eq!(
            status(&[good, ("sec-fetch-site", "same-site")], false),
            Err(403)
        );
    }
}
