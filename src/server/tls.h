#pragma once

#include <boost/asio/ssl/context.hpp>
#include <filesystem>
#include <memory>
#include <mutex>

namespace ctclip {

/// The certificate and key that new connections are taken with: TLS 1.2 or 1.3, forward secret and
/// authenticated ciphers only. Thread-safe.
class Tls {
 public:
  /// PEM files: the certificate with the chain behind it, and its key without a passphrase. Throws
  /// Error{usage}: which file and what is wrong with it, or that the two do not belong together.
  Tls(std::filesystem::path certificate, std::filesystem::path key);

  /// For a new connection; one that is open keeps what it began with.
  std::shared_ptr<boost::asio::ssl::context> context() const;
  /// Takes up changed files. Throws the same and leaves the old pair in force.
  void reload();

 private:
  const std::filesystem::path certificate_, key_;
  mutable std::mutex mutex_;
  std::shared_ptr<boost::asio::ssl::context> context_;
};

}  // namespace ctclip
