// Entry that tells what runs where.
#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "core/group.h"
#include "ctorch_mpi.h"
#include "placement/devices.h"
#include "placement/node.h"

using namespace ftorch;

namespace {

// What a rank tells the first one.
struct Line {
  std::array<char, 64> node{};
  std::array<char, 16> kind{};
  int32_t first = 0, cores = 0, threads = 0, devices = 0, device = -1;
};

template <size_t N>
void copy_words(std::array<char, N>& to, const std::string& from) {
  std::memcpy(to.data(), from.data(), std::min(from.size(), N - 1));
}

Line line_of(const Node& node) {
  Line line;
  const DeviceKind kind = devices_of(-1);
  copy_words(line.node, node.name());
  copy_words(line.kind, kind.name);
  line.first = node.first();
  line.cores = node.cores();
  line.devices = kind.count;
  line.device = device_of(node.rank(), node.size(), kind.count);
  need(ctorch_runtime_get_threads(&line.threads));
  return line;
}

// "0-3, 8": a run of numbers as its ends.
std::string in_short(std::vector<int> numbers) {
  std::sort(numbers.begin(), numbers.end());
  std::ostringstream text;
  for (size_t i = 0, j; i < numbers.size(); i = j) {
    for (j = i + 1; j < numbers.size() && numbers[j] <= numbers[j - 1] + 1;) ++j;
    text << (i ? ", " : "") << numbers[i];
    if (numbers[j - 1] != numbers[i]) text << '-' << numbers[j - 1];
  }
  return text.str();
}

std::string counted(size_t count, const char* noun) { return std::to_string(count) + ' ' + noun + (count == 1 ? "" : "s"); }

std::string table(const std::vector<Line>& lines) {
  std::map<int, std::vector<int>> nodes;  // by their first ranks
  for (size_t rank = 0; rank < lines.size(); ++rank) nodes[lines[rank].first].push_back(static_cast<int>(rank));
  std::ostringstream text;
  text << "ftorch: " << counted(lines.size(), "rank") << " on " << counted(nodes.size(), "node");
  for (const auto& [first, ranks] : nodes) {
    const Line& top = lines[static_cast<size_t>(first)];
    std::vector<int> threads, used;
    for (const int rank : ranks) {
      const Line& line = lines[static_cast<size_t>(rank)];
      threads.push_back(line.threads);
      if (line.device >= 0) used.push_back(line.device);
    }
    text << '\n' << top.node.data() << ": ranks " << in_short(ranks) << "; " << counted(static_cast<size_t>(top.cores), "core");
    const auto [least, most] = std::minmax_element(threads.begin(), threads.end());
    text << "; threads each " << *least;
    if (*most != *least) text << " to " << *most;
    text << "; devices ";
    if (used.empty())
      text << "none";
    else
      text << top.kind.data() << ' ' << in_short(used) << " of " << top.devices;
  }
  return text.str();
}

}  // namespace

int32_t ctorch_mpi_report(int32_t comm, const char** text, int64_t* length) {
  thread_local std::string written;
  return guard([&] {
    const Group all = group_of(comm);
    const Node node(all);
    Line mine;
    std::vector<Line> lines;
    all.together([&] {
      mine = line_of(node);
      if (all.rank() == 0) lines.resize(static_cast<size_t>(all.size()));
    });
    check(MPI_Gather(&mine, sizeof mine, MPI_BYTE, lines.data(), sizeof mine, MPI_BYTE, 0, all.comm()), "MPI_Gather");
    all.together([&] { written = all.rank() == 0 ? table(lines) : ""; });
    *text = written.c_str();
    *length = static_cast<int64_t>(written.size());
  });
}
