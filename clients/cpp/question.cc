#include "question.h"

#include <openssl/evp.h>

#include <fstream>
#include <iterator>
#include <stdexcept>

using namespace sightline;

namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string Digest(const std::string& bytes) {
  unsigned char hash[EVP_MAX_MD_SIZE];
  EVP_Digest(bytes.data(), bytes.size(), hash, nullptr, EVP_sha256(), nullptr);
  std::string digest = "sha256:";
  for (int index = 0; index < 32; ++index) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", hash[index]);
    digest += digits;
  }
  return digest;
}

}  // namespace

Question::Question(const std::string& text, const std::string& image_path, bool endless) {
  auto& message = *request_.add_messages();
  message.set_role(generator::v1::ROLE_USER);
  if (!image_path.empty()) AddImage(message, image_path);
  message.add_parts()->set_text(text);
  if (endless) {
    request_.mutable_stop()->set_max_token_count(4000);
    request_.mutable_stop()->set_end_ignored(true);
  } else {
    request_.mutable_sampling()->set_temperature(0);
  }
}

void Question::AddImage(generator::v1::Message& message, const std::string& path) {
  file_ = ReadFile(path);
  media_ = message.add_parts()->mutable_media();
  media_->set_kind(type::v1::MEDIA_KIND_IMAGE);
  media_->set_digest(Digest(file_));
}

bool Question::AddBytes(const std::string& wanted) {
  const bool is_wanted = media_ != nullptr && wanted.find(digest()) != std::string::npos;
  if (!is_wanted || !media_->data().empty()) return false;
  media_->set_data(file_);
  return true;
}
