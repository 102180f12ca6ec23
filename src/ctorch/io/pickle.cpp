#include "io/pickle.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <iterator>
#include <map>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace ctorch::pickle {
namespace {

using Ref = std::shared_ptr<Value>;

constexpr int deepest = 50;  // state dictionaries are flat; a pathological pickle could exhaust the stack when it is released

constexpr std::pair<std::string_view, at::ScalarType> storage_types[] = {
    {"torch.DoubleStorage", at::kDouble},
    {"torch.FloatStorage", at::kFloat},
    {"torch.HalfStorage", at::kHalf},
    {"torch.BFloat16Storage", at::kBFloat16},
    {"torch.LongStorage", at::kLong},
    {"torch.IntStorage", at::kInt},
    {"torch.ShortStorage", at::kShort},
    {"torch.CharStorage", at::kChar},
    {"torch.ByteStorage", at::kByte},
    {"torch.BoolStorage", at::kBool},
    {"torch.ComplexFloatStorage", at::kComplexFloat},
    {"torch.ComplexDoubleStorage", at::kComplexDouble},
};

Ref make(Kind kind) {
  auto value = std::make_shared<Value>();
  value->kind = kind;
  return value;
}

Ref make_integer(int64_t number) {
  Ref value = make(Kind::integer);
  value->integer = number;
  return value;
}

const Value& need(const Ref& value, Kind kind, const char* what) {
  if (value->kind != kind) throw Unreadable(std::string(what) + " is " + value->description());
  return *value;
}

std::vector<int64_t> integers(const Ref& list, const char* what) {
  std::vector<int64_t> numbers;
  for (const Ref& item : need(list, Kind::list, what).items) numbers.push_back(need(item, Kind::integer, what).integer);
  return numbers;
}

class Reader {
 public:
  Reader(const std::string& bytes, const std::function<c10::Storage(const std::string&)>& storage)
      : bytes_(bytes), storage_(storage) {}

  Ref read() {
    for (;;) {
      const char code = take(1)[0];
      if (code == '.') return pop();
      step(code);
    }
  }

 private:
  void step(char code) {
    switch (code) {
      case '\x80': take(1); break;  // the protocol
      case '(': marks_.push_back(stack_.size()); break;
      case 'N': push(make(Kind::none)); break;
      case '\x88':
      case '\x89':
        push(make(Kind::boolean));
        stack_.back()->integer = code == '\x88';
        break;
      case 'K': push(make_integer(little(1))); break;
      case 'M': push(make_integer(little(2))); break;
      case 'J': push(make_integer(static_cast<int32_t>(little(4)))); break;
      case '\x8a': push(make_integer(long_integer())); break;
      case 'G': push_real(); break;
      case 'X': push_text(little(4)); break;
      case '\x8c': push_text(little(1)); break;
      case 'c': push_global(); break;
      case ')':
      case ']': push(make(Kind::list)); break;
      case '}': push(make(Kind::dictionary)); break;
      case 't': push_list(take_marked()); break;
      case '\x85': push_list(take_last(1)); break;
      case '\x86': push_list(take_last(2)); break;
      case '\x87': push_list(take_last(3)); break;
      case 'a': extend(Kind::list, take_last(1)); break;
      case 'e': extend(Kind::list, take_marked()); break;
      case 's': extend(Kind::dictionary, take_last(2)); break;
      case 'u': extend(Kind::dictionary, take_marked()); break;
      case 'q': memo_[little(1)] = top(); break;
      case 'r': memo_[little(4)] = top(); break;
      case 'h': push_memo(little(1)); break;
      case 'j': push_memo(little(4)); break;
      case 'Q': push(stored(pop())); break;
      case 'R': reduce(); break;
      case 'b': pop(); break;  // attributes of a dictionary (_metadata), which say nothing about its tensors
      default: throw Unreadable("it holds Python objects that are no tensors");
    }
  }

  const char* take(size_t count) {
    if (count > bytes_.size() - at_) throw Unreadable("its table of tensors ends too early");
    at_ += count;
    return bytes_.data() + at_ - count;
  }

  int64_t little(size_t count) {
    const char* next = take(count);
    uint64_t value = 0;
    for (size_t i = count; i-- > 0;) value = value << 8 | static_cast<unsigned char>(next[i]);
    return static_cast<int64_t>(value);
  }

  int64_t long_integer() {
    const auto count = static_cast<size_t>(little(1));
    if (count == 0) return 0;
    if (count > 8) throw Unreadable("it holds an integer of more than 64 bits");
    const int64_t value = little(count);
    const size_t unused = 64 - 8 * count;  // the sign is in the last byte there is
    return static_cast<int64_t>(static_cast<uint64_t>(value) << unused) >> unused;
  }

  std::string line() {
    const size_t end = bytes_.find('\n', at_);
    if (end == std::string::npos) throw Unreadable("its table of tensors ends too early");
    const size_t length = end - at_;
    return {take(length + 1), length};
  }

  void push(Ref value) { stack_.push_back(std::move(value)); }

  const Ref& top() {
    if (stack_.empty()) throw Unreadable("its table of tensors is malformed");
    return stack_.back();
  }

  Ref pop() {
    Ref value = top();
    stack_.pop_back();
    return value;
  }

  std::vector<Ref> take_last(size_t count) {
    if (count > stack_.size()) throw Unreadable("its table of tensors is malformed");
    const auto first = stack_.end() - static_cast<std::ptrdiff_t>(count);
    std::vector<Ref> values(first, stack_.end());
    stack_.erase(first, stack_.end());
    return values;
  }

  std::vector<Ref> take_marked() {
    if (marks_.empty() || marks_.back() > stack_.size()) throw Unreadable("its table of tensors is malformed");
    const size_t count = stack_.size() - marks_.back();
    marks_.pop_back();
    return take_last(count);
  }

  void push_real() {
    const char* next = take(8);
    uint64_t bits = 0;
    for (int i = 0; i < 8; ++i) bits = bits << 8 | static_cast<unsigned char>(next[i]);
    push(make(Kind::real));
    stack_.back()->real = std::bit_cast<double>(bits);
  }

  void push_text(int64_t length) {
    push(make(Kind::text));
    stack_.back()->text.assign(take(static_cast<size_t>(length)), static_cast<size_t>(length));
  }

  void push_global() {
    push(make(Kind::global));
    const std::string module = line();
    stack_.back()->text = module + "." + line();
  }

  void push_memo(int64_t key) {
    const auto found = memo_.find(key);
    if (found == memo_.end()) throw Unreadable("its table of tensors is malformed");
    push(found->second);
  }

  void push_list(std::vector<Ref> items) {
    push(make(Kind::list));
    add(*stack_.back(), std::move(items));
  }

  void extend(Kind kind, std::vector<Ref> items) {
    const Ref& container = top();
    if (container->kind != kind || (kind == Kind::dictionary && items.size() % 2 != 0))
      throw Unreadable("its table of tensors is malformed");
    add(*container, std::move(items));
  }

  void add(Value& container, std::vector<Ref> items) {
    for (Ref& item : items) {
      if (item.get() == &container) throw Unreadable("its table of tensors is malformed");
      container.depth = std::max(container.depth, item->depth + 1);
      container.items.push_back(std::move(item));
    }
    if (container.depth > deepest) throw Unreadable("things are nested in it too deeply for a dictionary of tensors");
  }

  // ('storage', class, key, device, number of elements)
  Ref stored(const Ref& id) {
    const auto& parts = need(id, Kind::list, "the mark of a tensor's memory").items;
    if (parts.size() != 5) throw Unreadable("the mark of a tensor's memory is malformed");
    const std::string& type = need(parts[1], Kind::global, "the type of a tensor's memory").text;
    const std::string& key = need(parts[2], Kind::text, "the key of a tensor's memory").text;
    const auto found = std::ranges::find(storage_types, type, [](const auto& row) { return row.first; });
    if (found == std::end(storage_types)) throw Unreadable("there is no dtype here for its " + type);
    const auto [place, is_new] = storages_.try_emplace(key);
    if (is_new) place->second = storage_(key);
    const auto elements = static_cast<int64_t>(place->second.nbytes() / c10::elementSize(found->second));
    Ref value = make(Kind::storage);
    value->tensor = at::empty({0}, found->second).set_(place->second, 0, {elements}, {1});
    return value;
  }

  void reduce() {
    const Ref arguments = pop(), callable = pop();
    const std::string& name = need(callable, Kind::global, "what makes an object").text;
    const auto& given = need(arguments, Kind::list, "the arguments of an object").items;
    if (name == "collections.OrderedDict" && given.empty()) return push(make(Kind::dictionary));
    if (name == "torch._utils._rebuild_tensor_v2" && given.size() >= 4) return push(rebuilt(given));
    if (name == "torch._utils._rebuild_parameter" && !given.empty()) return push(given[0]);
    throw Unreadable("it holds an object of " + name + ", which is no tensor");
  }

  // (storage, offset, sizes, strides, ...): a view that must lie within the memory that is there
  static Ref rebuilt(const std::vector<Ref>& given) {
    const at::Tensor& memory = need(given[0], Kind::storage, "the memory of a tensor").tensor;
    const int64_t offset = need(given[1], Kind::integer, "the offset of a tensor").integer;
    const auto sizes = integers(given[2], "the shape of a tensor"), strides = integers(given[3], "the strides of a tensor");
    const auto bad = [] { return Unreadable("a tensor in it reaches beyond its memory"); };
    if (sizes.size() != strides.size() || offset < 0) throw bad();
    bool empty = false;
    for (const int64_t size : sizes) empty |= size == 0;
    int64_t last = offset;
    for (size_t d = 0; d < sizes.size(); ++d) {
      int64_t reach = 0;
      if (sizes[d] < 0 || strides[d] < 0) throw bad();
      if (empty) continue;
      if (__builtin_mul_overflow(sizes[d] - 1, strides[d], &reach) || __builtin_add_overflow(last, reach, &last)) throw bad();
    }
    if (!empty && last >= memory.numel()) throw bad();
    Ref value = make(Kind::tensor);
    value->tensor = empty ? at::empty(sizes, memory.options()) : memory.as_strided(sizes, strides, offset);
    if (given.size() > 6 && given[6]->kind == Kind::dictionary) apply_marks(value->tensor, given[6]->items);
    return value;
  }

  // Marks of a tensor whose values are not what lies in its memory.
  static void apply_marks(at::Tensor& tensor, const std::vector<Ref>& marks) {
    for (size_t i = 0; i + 1 < marks.size(); i += 2) {
      const std::string& name = need(marks[i], Kind::text, "the mark of a tensor").text;
      const bool on = need(marks[i + 1], Kind::boolean, "the mark of a tensor").integer != 0;
      if (name == "conj" && on)
        tensor = tensor.conj_physical();
      else if (name == "neg" && on)
        tensor = tensor.neg();
      else if (name != "conj" && name != "neg")
        throw Unreadable("a tensor in it is marked '" + name + "', which is unknown here");
    }
  }

  const std::string& bytes_;
  const std::function<c10::Storage(const std::string&)>& storage_;
  size_t at_ = 0;
  std::vector<Ref> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<int64_t, Ref> memo_;
  std::map<std::string, c10::Storage> storages_;
};

}  // namespace

std::string Value::description() const {
  switch (kind) {
    case Kind::none: return "None";
    case Kind::boolean: return "a logical";
    case Kind::integer: return "an integer";
    case Kind::real: return "a real number";
    case Kind::text: return "a text";
    case Kind::global: return "the Python object " + text;
    case Kind::storage: return "the memory of a tensor";
    case Kind::tensor: return "a tensor";
    case Kind::list: return "a list";
    case Kind::dictionary: return "a dictionary";
  }
  return "unknown";
}

std::shared_ptr<Value> read(const std::string& bytes, const std::function<c10::Storage(const std::string& key)>& storage) {
  return Reader(bytes, storage).read();
}

}  // namespace ctorch::pickle
