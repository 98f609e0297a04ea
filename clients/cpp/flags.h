// The command line: ask --target HOST:PORT --image FILE [--deadline S] [--cancel-after N] QUESTION
#pragma once

#include <getopt.h>

#include <cstdlib>
#include <string>

struct Flags {
  std::string target = "127.0.0.1:50052", image, question;
  double deadline_s = 60;
  int cancel_after = 0;

  Flags(int count, char** words) {
    static const option known[] = {{"target", required_argument, nullptr, 't'},
                                   {"image", required_argument, nullptr, 'i'},
                                   {"deadline", required_argument, nullptr, 'd'},
                                   {"cancel-after", required_argument, nullptr, 'c'},
                                   {}};
    for (int flag; (flag = getopt_long(count, words, "", known, nullptr)) != -1;) {
      if (flag == 't') target = optarg;
      if (flag == 'i') image = optarg;
      if (flag == 'd') deadline_s = std::atof(optarg);
      if (flag == 'c') cancel_after = std::atoi(optarg);
      if (flag == '?') std::exit(2);
    }
    while (optind < count) question += (question.empty() ? "" : " ") + std::string(words[optind++]);
  }
};
