//! What went wrong, as RFC 9457 has it: a stable code in English, the words in Chinese.
//! Law: no complaint text.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// An answer that is no decision.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    pub status: StatusCode,
    pub code: &'static str,
    title: &'static str,
    detail: Option<String>,
    retry_after_s: Option<u32>,
}

impl Problem {
    pub fn new(status: StatusCode, code: &'static str, title: &'static str) -> Problem {
        Problem {
            status,
            code,
            title,
            detail: None,
            retry_after_s: None,
        }
    }

    /// What a caller is told when something of ours broke.
    pub fn internal() -> Problem {
        let what = "程序内部错误；该请求没有产生决定";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", what)
    }

    pub fn detail(mut self, detail: impl Into<String>) -> Problem {
        self.detail = Some(detail.into());
        self
    }

    pub fn retry_after(mut self, seconds: u32) -> Problem {
        self.retry_after_s = Some(seconds);
        self
    }

    pub fn full(&self) -> String {
        match &self.detail {
            Some(detail) => format!("{}：{detail}", self.title),
            None => self.title.to_owned(),
        }
    }

    pub fn json(&self) -> serde_json::Value {
        let mut body = serde_json::json!({
            "type": format!("urn:xiaobao:problem:{}", self.code),
            "title": self.title,
            "status": self.status.as_u16(),
            "code": self.code,
        });
        if let Some(detail) = &self.detail {
            body["detail"] = detail.as_str().into();
        }
        body
    }
}

impl Problem {
    /// Gives a page the status, the code and the headers that the problem document would have.
    pub fn mark(&self, response: &mut Response) {
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"xiaobao\""),
            );
        }
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(Code(self.code));
    }
}

/// Code of the problem, for log and metrics.
#[derive(Clone, Copy)]
pub(super) struct Code(pub &'static str);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.json().to_string().into_response();
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        self.mark(&mut response);
        response
    }
}
