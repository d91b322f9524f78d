#include "base/sha256.h"

#include <openssl/evp.h>

#include "base/hex.h"

namespace ctclip {

void Sha256::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
}

void Sha256::add(const void* data, std::size_t size) {
  EVP_DigestUpdate(context_.get(), data, size);
}

Sha256::Digest Sha256::digest() {
  Digest digest{};
  EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr);
  return digest;
}

std::string Sha256::hex() { return ctclip::hex(digest()); }

}  // namespace ctclip
