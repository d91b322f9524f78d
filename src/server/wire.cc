#include "server/wire.h"

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <sstream>
#include <utility>

#include "server/multipart.h"
#include "server/request_id.h"
#include "server/text.h"

namespace ctclip {

namespace http = boost::beast::http;
using boost::system::error_code;

bool is_http_error(error_code error) {
  return error.category() == http::make_error_code(http::error::bad_method).category() &&
         error != http::error::end_of_stream && error != http::error::partial_message;
}

void client_gone() { throw Error(Code::cancelled, "The client went away."); }

void require_read(error_code error) {
  if (!error) return;
  if (!is_http_error(error)) client_gone();
  throw Error(Code::bad_http, "The request is no well-formed HTTP: " + error.message() + ".");
}

Asker asker_of(const Header& header) {
  return {request_id_of(view(header[kRequestIdHeader])),
          preferred_language(view(header[http::field::accept_language]))};
}

namespace {

template <typename Message>
void fill(Message& message, const Reply& reply, bool keep_alive) {
  message.set(http::field::server, "ctclip");
  for (const auto& [name, value] : reply.headers) message.set(name, value);
  if (reply.status != 204) message.set(http::field::content_type, reply.type);
  message.keep_alive(keep_alive);
}

}  // namespace

http::message_generator to_http(Reply reply, unsigned version, bool keep_alive, bool head) {
  const auto status = static_cast<http::status>(reply.status);
  if (head) {
    http::response<http::empty_body> message(status, version);
    fill(message, reply, keep_alive);
    message.content_length(reply.body.size());
    return message;
  }
  http::response<http::string_body> message(status, version);
  fill(message, reply, keep_alive);
  if (reply.status != 204) message.content_length(reply.body.size());  // which has no body
  message.body() = std::move(reply.body);
  return message;
}

std::string head_of(const Reply& reply, unsigned version) {
  http::response<http::empty_body> message(static_cast<http::status>(reply.status), version);
  fill(message, reply, false);
  std::ostringstream text;
  text << message.base();
  return text.str();
}

std::string required_boundary(const Header& header) {
  const std::string_view type = view(header[http::field::content_type]);
  std::string boundary = form_boundary(type);
  if (boundary.empty()) {
    throw Error(Code::missing_file_field,
                "The request has no field 'file': expected multipart/form-data (with curl: -F "
                "file=@study.zip), found " +
                    (type.empty() ? "no form" : "Content-Type " + shown(type)) + ".");
  }
  return boundary;
}

void require_plain_body(const Parser& parser) {
  const Header& header = parser.get();
  if (header.count(http::field::transfer_encoding) > 0 && !parser.chunked()) {
    throw Error(Code::bad_http, "The only Transfer-Encoding that is understood is chunked.");
  }
  const std::string_view encoding = view(header[http::field::content_encoding]);
  if (!encoding.empty() && lower(encoding) != "identity") {
    throw Error(Code::bad_http, "A body with Content-Encoding is not understood; send it plain.");
  }
}

}  // namespace ctclip
