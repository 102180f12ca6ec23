// The table of handles by itself: generations that are used up, and threads that look up what others release. An object knows
// whether it lives; the sanitizers know the rest.
#include "core/handle_table.h"

#include <cstdio>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace {

std::atomic<int> alive{0};

struct Thing {
  explicit Thing(int given) : value(given), twice(2 * given) { ++alive; }
  ~Thing() {
    --alive;
    value = -1;
    twice = 7;
  }
  Thing(const Thing&) = delete;
  Thing& operator=(const Thing&) = delete;
  bool whole() const { return value >= 0 && twice == 2 * value; }
  int value, twice;
};

int failures = 0;

void expect(bool right, const char* what) {
  if (right) return;
  ++failures;
  std::printf("wrong: %s\n", what);
}

// With five bits a slot names 31 objects, and then none any more.
void used_up() {
  using Table = ctorch::HandleTable<Thing, 2, 5>;
  Table& table = Table::instance();
  std::set<uint64_t> given;
  for (int n = 0; n < 100'000; ++n) {
    uint64_t id = table.create(n);
    expect(given.insert(id).second, "a handle is given out twice");
    expect(table.find(id)->value == n, "a handle names another object");
    if (n % 3 == 0) {
      const uint64_t other = table.rename(id);
      if (other) {
        expect(!table.find(id) && given.insert(other).second, "an old name is still one");
        id = other;
      }
    }
    expect(table.release(id, n % 2 == 0) && !table.find(id) && !table.release(id), "a released handle is still one");
    if (failures) return;
  }
  expect(table.live() == 0 && alive == 0, "objects are left");
  expect(table.create(1) >> 60 == 2, "the kind is in the handle");
}

// What a guard has looked up lives until its end, whoever releases it meanwhile.
void held() {
  using Table = ctorch::HandleTable<Thing, 3>;
  Table& table = Table::instance();
  const uint64_t id = table.create(5);
  const int before = alive;
  ctorch::guard([&] {
    const Thing* thing = table.find(id);
    std::thread([&] { expect(table.release(id), "another thread may release"); }).join();
    expect(table.live() == 0 && !table.find(id), "a released object does not count");
    expect(thing->whole() && alive == before, "an object goes while it is in use");
  });
  expect(alive == before - 1, "an object stays when the call is over");
  uint64_t mine = table.create(6);
  ctorch::guard([&] { expect(table.release(mine) && alive == before - 1, "one's own object goes at once"); });
}

void many_threads() {
  using Table = ctorch::HandleTable<Thing, 4>;
  Table& table = Table::instance();
  const int before = alive;
  constexpr int places = 8, rounds = 20'000;
  std::vector<std::atomic<uint64_t>> shared(places);
  std::atomic<int> seen{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int n = 0; n < rounds; ++n) {
        std::atomic<uint64_t>& place = shared[static_cast<size_t>((n * 7 + t) % places)];
        if (n % 4 == 0) {
          const uint64_t old = place.exchange(table.create(n));
          table.release(old, n % 8 == 0);
          continue;
        }
        ctorch::guard([&] {
          const Thing* thing = table.find(place.load());
          if (!thing) return;
          if (n % 64 == 1) std::this_thread::yield();
          if (!thing->whole()) std::printf("wrong: a dead object\n"), std::exit(1);
          ++seen;
        });
      }
    });
  for (auto& thread : threads) thread.join();
  for (auto& place : shared) table.release(place);
  expect(table.live() == 0 && alive == before, "objects are left by the threads");
  expect(seen > rounds, "the threads have seen objects");
}

}  // namespace

// What the table needs of the library.
namespace ctorch {
int32_t record_exception() noexcept { return CTORCH_ERROR_INTERNAL; }
}  // namespace ctorch

int main() {
  used_up();
  held();
  many_threads();
  return failures;
}
