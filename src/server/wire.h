#pragma once

#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/message_generator.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/system/error_code.hpp>
#include <string>
#include <string_view>

#include "server/reply.h"

namespace ctclip {

// Between Beast's HTTP and what the service makes of it. Included where connections
// are served alone.

/// A request whose body is taken piece by piece.
using Parser = boost::beast::http::request_parser<boost::beast::http::buffer_body>;
using Header = boost::beast::http::request_header<>;

inline std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

/// What a client sent is no HTTP, rather than that the connection ended or timed out.
bool is_http_error(boost::system::error_code error);
/// Throws Error{bad_http} for the former and Error{cancelled} for the latter.
void require_read(boost::system::error_code error);
[[noreturn]] void client_gone();

/// Who asks, by the header, or by what there is of it.
Asker asker_of(const Header& header);

/// Throws Error{bad_http} where the body comes in a coding that we do not undo.
void require_plain_body(const Parser& parser);
/// The boundary of the request's form. Throws Error{missing_file_field} where it is no form.
std::string required_boundary(const Header& header);

/// An answer as Beast writes it; a HEAD gets the same without its body.
boost::beast::http::message_generator to_http(Reply reply, unsigned version, bool keep_alive,
                                              bool head);

/// The head of an answer whose body follows until the connection ends.
std::string head_of(const Reply& reply, unsigned version);

}  // namespace ctclip
