// Large gradients that are added up over ranks while backward still computes the others.
#pragma once
#include <ctorch_model.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "core/group.h"

namespace ftorch {

class EarlySums {
 public:
  explicit EarlySums(const Group& all) : all_(all) {}
  EarlySums(const EarlySums&) = delete;
  EarlySums& operator=(const EarlySums&) = delete;
  ~EarlySums();

  // Chooses what is worth a message of its own and lies in the host's memory, in the order in which backward comes to it: that
  // of the parameters, from the last on.
  void choose(const ctorch_model* model);
  int64_t digest() const;  // of the choice, which must be the same on all ranks

  // From now on, what backward has completed is weighted and added up.
  void watch(double weight);

  struct Sum {
    int32_t parameter = 0, dtype = 0;
    int64_t count = 0;
    ctorch_tensor gradient{};     // held: nobody may free what MPI writes into
    void* data = nullptr;         // its numbers, or zeros
    std::vector<double> zeros{};  // of a parameter that has no gradient on this rank
    int64_t strange = -1;         // the number that was not finite, counted from 0; -1 if all were
  };

  // Backward is over. What it has not completed is added up too, by what there is of it: `gradients` are those of all
  // parameters. Waits for all, and returns what has failed on this rank. Every rank calls this.
  Outcome finish(const std::vector<ctorch_tensor>& gradients);

  // What was added up here for a parameter, or null.
  const Sum* of(size_t parameter) const;

 private:
  static void tell(void* self, int32_t parameter, ctorch_tensor gradient) noexcept;
  void take(Sum& sum, ctorch_tensor gradient);
  void begin_those_that_are_there();
  void begin(Sum& sum);
  template <class Number>
  void begin_with(Sum& sum);
  void stop_watching();

  Group all_;
  ctorch_model model_{};
  double weight_ = 0;
  std::vector<Sum> sums_;  // in the order in which all ranks begin them
  size_t begun_ = 0;
  std::vector<MPI_Request> requests_;
  std::vector<int32_t> place_;  // in sums_, of each parameter; -1 for those that are none of them
  Outcome failed_;              // in a call of autograd's, which an exception must not pass
  bool is_watching_ = false;
};

}  // namespace ftorch
