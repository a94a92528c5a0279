//! Commands of programs: SOAP in a MESSAGE, answered to the device that sent it.

use std::time::Instant;

use bytes::Bytes;
use convoke_types::{Fault, FaultCode};
use soap_proto::{
    Answer, Headers, OperationName, Request, Response, SoapError, parse_request, write_response,
};

use crate::address::{Subscriber, reply_address};
use crate::device::Item;
use crate::gateway::{Call, Caller, Gateway, Purpose};

/// A program's command under way.
#[derive(Debug)]
pub(crate) struct SoapCall {
    /// The headers as the program sent them.
    headers: Headers,
    /// Its device.
    reply_to: String,
}

impl Gateway {
    pub(crate) fn soap_message(&mut self, caller: &Caller, body: &Bytes, now: Instant) {
        match parse_request(body) {
            Ok(request) => {
                let headers = request.headers.clone();
                if let Err(fault) = self.soap_request(caller, request, now) {
                    self.refuse(caller, &headers, fault, now);
                }
            }
            Err(error) => {
                let headers = headers_of(&error);
                self.refuse(caller, &headers, error.into(), now);
            }
        }
    }

    fn soap_request(
        &mut self,
        caller: &Caller,
        request: Request,
        now: Instant,
    ) -> Result<(), Fault> {
        let headers = request.headers.clone();
        let reply_to = check(&request, caller)?;
        self.devices.spoke(&reply_to, now);
        let purpose = Purpose::Soap(SoapCall { headers, reply_to });
        self.call(caller, request, purpose, now)
    }

    pub(crate) fn soap_result(
        &mut self,
        call: &Call,
        soap: &SoapCall,
        outcome: Result<Response, Fault>,
        now: Instant,
    ) {
        let outcome = outcome.and_then(|response| response.outcome);
        if let Ok(Answer::Done {
            operation: OperationName::Create,
            conference,
        }) = &outcome
            && let Some(subscriber) = Subscriber::of(&soap.reply_to, Some(&call.user))
        {
            let create = soap.headers.message_id.clone();
            self.subscribe(conference.id.clone(), subscriber, create);
        }
        let envelope = write_response(&Response::to(&soap.headers, outcome));
        self.devices
            .push(&soap.reply_to, Item::Envelope(envelope), now);
    }

    /// A fault for the sender: to its device if it named it rightly, else to its address of record.
    fn refuse(&mut self, caller: &Caller, headers: &Headers, fault: Fault, now: Instant) {
        let to = headers
            .reply_to
            .clone()
            .filter(|address| reply_address(address, &caller.user))
            .unwrap_or_else(|| caller.user.to_uri());
        let mut response = Response::to(headers, Err(fault));
        response.headers.to = Some(to.clone());
        self.devices.spoke(&to, now);
        self.devices
            .push(&to, Item::Envelope(write_response(&response)), now);
    }
}

fn headers_of(error: &SoapError) -> Headers {
    error.headers.clone().map(|h| *h).unwrap_or_default()
}

/// The rules for a command on its way through the IM server; gives the ReplyTo.
fn check(request: &Request, caller: &Caller) -> Result<String, Fault> {
    let headers = &request.headers;
    if headers.asserted.is_some() {
        let expected = "no c:asserted: the IM server says who speaks";
        return Err(Fault::new(FaultCode::NotAllowed, expected, "c:asserted"));
    }
    let reply_to = match &headers.reply_to {
        Some(address) if reply_address(address, &caller.user) => address.clone(),
        came => {
            let expected = format!("wsa:ReplyTo with a GRUU of {}", caller.user);
            let came = came.clone().unwrap_or_else(|| "none".to_owned());
            return Err(Fault::new(FaultCode::NoReplyTo, expected, came));
        }
    };
    let command = request.operation.name().is_command();
    if command && headers.message_id.is_none() {
        return Err(Fault::new(FaultCode::BadRequest, "wsa:MessageID", "none"));
    }
    // Whether its time is over is for the service to say: it knows whether this is a repeat, which gets the first answer.
    if command && headers.expires.is_none() {
        return Err(Fault::new(FaultCode::BadRequest, "c:expires", "none"));
    }
    Ok(reply_to)
}
