//! The files of the page: these and no others, from the program itself.

/// A file of the page.
pub(crate) struct Asset {
    pub(crate) path: &'static str,
    pub(crate) media: &'static str,
    pub(crate) content: &'static str,
}

/// All files.
pub(crate) const ASSETS: [Asset; 4] = [
    Asset {
        path: "/",
        media: "text/html; charset=utf-8",
        content: include_str!("../../templates/serve.html"),
    },
    Asset {
        path: "/serve.css",
        media: "text/css; charset=utf-8",
        content: include_str!("../../templates/serve.css"),
    },
    Asset {
        path: "/serve.js",
        media: "text/javascript; charset=utf-8",
        content: include_str!("../../templates/serve.js"),
    },
    Asset {
        path: "/api/v1/openapi.json",
        media: "application/json",
        content: include_str!("../../templates/openapi.json"),
    },
];

/// What the page may do: load its own three files and ask this server.
pub(crate) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_small_and_asks_no_one_else() {
        let page = &ASSETS[..3];
        let size: usize = page.iter().map(|asset| asset.content.len()).sum();
        assert!(size <= 60_000, "{size} bytes");
        for asset in page {
            for part in [
                "http://",
                "https://",
                "innerHTML",
                "eval(",
                "//cdn",
                "style=\"",
            ] {
                let text = asset.content.replace("http://www.w3.org/2000/svg", "");
                assert!(!text.contains(part), "{}: {part}", asset.path);
            }
        }
        let description: serde_json::Value = serde_json::from_str(ASSETS[3].content).expect("JSON");
        assert_eq!(description["openapi"], "3.1.0");
    }
}
