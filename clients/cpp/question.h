// A question that names its picture by digest, and holds the bytes once they are wanted.
#pragma once

#include <string>

#include "sightline/generator/v1/generator.pb.h"

class Question {
 public:
  // Throws std::runtime_error for a picture that cannot be read.
  Question(const std::string& text, const std::string& image_path, bool endless);

  // Adds the bytes if they are wanted and were not sent; tells whether it did.
  bool AddBytes(const std::string& wanted);

  const std::string& digest() const { return media_->digest(); }
  const sightline::generator::v1::GenerateTextRequest& request() const { return request_; }

 private:
  void AddImage(sightline::generator::v1::Message& message, const std::string& path);

  sightline::generator::v1::GenerateTextRequest request_;
  sightline::generator::v1::Media* media_ = nullptr;
  std::string file_;
};
