#include "server/tls.h"

#include <fmt/format.h>
#include <openssl/ssl.h>

#include <utility>

#include "base/error.h"

namespace ctclip {
namespace {

namespace ssl = boost::asio::ssl;
namespace fs = std::filesystem;
using boost::system::error_code;

// For TLS 1.2; those of 1.3 are all of this kind.
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";

[[noreturn]] void fail(const char* what, const fs::path& file, const std::string& why) {
  throw Error(Code::usage, fmt::format("{} {}: {}", what, file.string(), why));
}

void configure(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(context, kCiphers);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // 34 KiB of buffers for each connection are given back while it waits.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
}

std::shared_ptr<ssl::context> load(const fs::path& certificate, const fs::path& key) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  configure(context->native_handle());
  error_code error;
  // Otherwise OpenSSL would ask for it at the terminal.
  context->set_password_callback([](std::size_t, auto) { return std::string(); }, error);
  context->use_certificate_chain_file(certificate.string(), error);
  if (error) fail("TLS certificate", certificate, error.message());
  // Which is compared with the certificate, too.
  context->use_private_key_file(key.string(), ssl::context::pem, error);
  if (error) fail("TLS key", key, error.message());
  return context;
}

}  // namespace

Tls::Tls(fs::path certificate, fs::path key)
    : certificate_(std::move(certificate)),
      key_(std::move(key)),
      context_(load(certificate_, key_)) {}

std::shared_ptr<ssl::context> Tls::context() const {
  const std::lock_guard lock(mutex_);
  return context_;
}

void Tls::reload() {
  auto fresh = load(certificate_, key_);
  const std::lock_guard lock(mutex_);
  context_ = std::move(fresh);
}

}  // namespace ctclip
