// Handles of objects that variables share: models, optimizers, trainers. Assignment shares the object, the last variable that
// goes frees it.
#pragma once
#include <memory>
#include <utility>

#include "core/handle_table.h"

namespace ctorch {

// What a handle of the C interface names: specialized beside the object, with `Object`, `kind`, `argument` and `noun`.
template <class Handle>
struct Named;

template <class Object>
struct Shared {
  std::shared_ptr<Object> object;
  bool temporary = false;  // result of a function: assignment moves it
};

template <class Handle>
auto& table_of() {
  static auto& table = HandleTable<Shared<typename Named<Handle>::Object>, Named<Handle>::kind>::instance();
  return table;
}

template <class Handle>
auto& shared_of(const Handle* handle) {
  require(handle, Named<Handle>::argument);
  return table_of<Handle>().get(handle->id, Named<Handle>::noun);
}

template <class Handle>
auto& object_of(const Handle* handle) {
  return *shared_of(handle).object;
}

// Replaces what the caller's variable held by a new handle.
template <class Handle>
void store(Handle* out, std::shared_ptr<typename Named<Handle>::Object> object) {
  require(out, Named<Handle>::argument);
  const uint64_t old = out->id;
  out->id = table_of<Handle>().create(Shared<typename Named<Handle>::Object>{std::move(object)});
  if (old) table_of<Handle>().release(old);
}

template <class Table, class Handle>
int32_t delete_handle(Table& table, Handle* handle) noexcept {
  if (!handle || handle->id == 0) return CTORCH_SUCCESS;
  table.release(handle->id);
  handle->id = 0;
  return CTORCH_SUCCESS;
}

template <class Handle>
int32_t share_handle(const Handle* source, Handle* target) noexcept {
  return guard([&] {
    if (!target) fail(CTORCH_ERROR_ARGUMENT, "the left side of the assignment is not allocated; allocate it first");
    require(source, "source");
    if (source->id == target->id) return;
    auto& table = table_of<Handle>();
    if (source->id == 0) {
      delete_handle(table, target);
      return;
    }
    const auto& shared = table.get(source->id, Named<Handle>::noun);
    auto object = shared.object;
    if (shared.temporary) table.release(source->id, true);
    store(target, std::move(object));
  });
}

}  // namespace ctorch
