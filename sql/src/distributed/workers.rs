//! The addresses of workers.

use datafusion::common::{Result, plan_datafusion_err, plan_err};
use datafusion_distributed::WorkerResolver;
use url::Url;

/// The addresses of workers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workers(Vec<Url>);

impl Workers {
    /// Reads addresses such as `node1:5051` or `http://node1:5051`, one for each worker.
    ///
    /// # Errors
    /// There is none, one is not an address with a port, or one occurs twice.
    pub fn parse<'a>(addresses: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let mut urls = Vec::new();
        for address in addresses {
            let url = address_of(address)?;
            if urls.contains(&url) {
                return plan_err!("{address}: this worker is named twice");
            }
            urls.push(url);
        }
        match urls.is_empty() {
            true => plan_err!("no addresses of workers, such as node1:5051"),
            false => Ok(Self(urls)),
        }
    }
}

fn address_of(text: &str) -> Result<Url> {
    let wrong = || plan_datafusion_err!("'{text}': not an address of a worker, such as node1:5051");
    let url = match text.contains("://") {
        true => Url::parse(text),
        false => Url::parse(&format!("http://{text}")),
    };
    let url = url.map_err(|_| wrong())?;
    let is_plain = url.path() == "/" && url.query().is_none() && url.username().is_empty();
    match url.scheme() == "http" && url.port().is_some() && is_plain {
        true => Ok(url),
        false => Err(wrong()),
    }
}

impl WorkerResolver for Workers {
    fn get_urls(&self) -> Result<Vec<Url>> {
        Ok(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_host_and_a_port() {
        let workers = Workers::parse(["node1:5051", "http://[2001:db8::1]:5051"]).expect("two");
        let urls: Vec<&str> = workers.0.iter().map(Url::as_str).collect();
        assert_eq!(urls, ["http://node1:5051/", "http://[2001:db8::1]:5051/"]);
        for wrong in ["", "node1", ":5051", "https://a:1", "a:1/x", "http://u@a:1"] {
            assert!(Workers::parse([wrong]).is_err(), "{wrong}");
        }
        assert!(Workers::parse([]).is_err());
        assert!(Workers::parse(["a:1", "http://a:1"]).is_err());
    }
}
