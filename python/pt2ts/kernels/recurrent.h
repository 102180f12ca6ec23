// GRU and LSTM: the loop over time, with all gates of some hidden units and some samples in registers.
//
// Packed are, tile by tile (`Tile` vectors of hidden units): the biases of the four sums, then for every input and after that
// for every element of the state the weights of all gates.

namespace {

// The four sums of a unit are handed over, the part of the input and that of the state added up where the cell does not keep
// them apart.
struct Gru {
  static constexpr int gates = 3;  // reset, update, new
  static constexpr int state_sum(int gate) { return gate == 2 ? 3 : gate; }
  static vec step(const vec (&sum)[4], vec h, vec&) {
    const vec reset = gate(sum[0]), update = gate(sum[1]);
    const vec fresh = tangent_h(sum[2] + reset * sum[3]);
    return fresh + update * (h - fresh);
  }
};

struct Lstm {
  static constexpr int gates = 4;  // input, forget, cell, output
  static constexpr int state_sum(int gate) { return gate; }
  static vec step(const vec (&sum)[4], vec, vec& memory) {
    memory = gate(sum[1]) * memory + gate(sum[0]) * tangent_h(sum[2]);
    return gate(sum[3]) * tangent_h(memory);
  }
};

template <class Cell>
constexpr int packed_recurrent_size(int n_in, int hidden) {
  return vectors_of(hidden) * kLanes * (4 + Cell::gates * (n_in + hidden));
}

struct Weights {
  const real* at;
  int64_t out, in;
};

template <class Cell, int In, int Hidden, int Tile>
void pack_recurrent(Weights w_in, Weights w_state, const real* b_in, const real* b_state, real* packed) {
  for (int first = 0; first < Hidden; first += Tile * kLanes) {
    const int left = vectors_of(Hidden - first);
    const int width = (left < Tile ? left : Tile) * kLanes;
    for (int sum = 0; sum < 4; ++sum) {
      for (int u = first; u < first + width; ++u) {
        real value = 0;
        for (int gate = 0; gate < Cell::gates && u < Hidden; ++gate) {
          if (b_in != nullptr && gate == sum) value += b_in[gate * Hidden + u];
          if (b_state != nullptr && Cell::state_sum(gate) == sum) value += b_state[gate * Hidden + u];
        }
        *packed++ = value;
      }
    }
    for (int k = 0; k < In + Hidden; ++k) {
      const Weights w =
          k < In ? Weights{w_in.at + k * w_in.in, w_in.out, 0} : Weights{w_state.at + (k - In) * w_state.in, w_state.out, 0};
      for (int gate = 0; gate < Cell::gates; ++gate) {
        for (int u = first; u < first + width; ++u) *packed++ = u < Hidden ? w.at[(gate * Hidden + u) * w.out] : 0;
      }
    }
  }
}

template <class Cell, int In, int Hidden, int Tile, int XRow, int XIn, int OutRow>
struct Recurrent {
  // Some units of some samples at one time. The state before and the result lie in different places.
  template <int Rows, int Vectors>
  static inline void tile(const real* x, const real* h, int64_t h_row, const real* w, real* out, real* memory, int first) {
    constexpr int width = Vectors * kLanes;
    constexpr int phases = Rows == 1 && Hidden > 1 ? 2 : 1;
    vec sums[Rows][Vectors][4];
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) {
#pragma GCC unroll 4
        for (int s = 0; s < 4; ++s) sums[r][v][s] = load(w + s * width + v * kLanes);
      }
    }
    w += 4 * width;
#pragma GCC unroll 2
    for (int k = 0; k < In; ++k, w += Cell::gates * width) {
#pragma GCC unroll 16
      for (int r = 0; r < Rows; ++r) {
        const vec value = splat(x[r * XRow + k * XIn]);
#pragma GCC unroll 16
        for (int v = 0; v < Vectors; ++v) {
#pragma GCC unroll 4
          for (int gate = 0; gate < Cell::gates; ++gate) sums[r][v][gate] += value * load(w + gate * width + v * kLanes);
        }
      }
    }
    vec part[phases][Rows][Vectors][Cell::gates];
#pragma GCC unroll 2
    for (int p = 0; p < phases; ++p) {
#pragma GCC unroll 16
      for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 16
        for (int v = 0; v < Vectors; ++v) {
#pragma GCC unroll 4
          for (int gate = 0; gate < Cell::gates; ++gate)
            part[p][r][v][gate] = p == 0 ? sums[r][v][Cell::state_sum(gate)] : vec{};
        }
      }
    }
    const auto add = [&](int k, int p) __attribute__((always_inline)) {
#pragma GCC unroll 16
      for (int r = 0; r < Rows; ++r) {
        const vec value = splat(h[r * h_row + k]);
#pragma GCC unroll 16
        for (int v = 0; v < Vectors; ++v) {
#pragma GCC unroll 4
          for (int gate = 0; gate < Cell::gates; ++gate) {
            part[p][r][v][gate] += value * load(w + (k * Cell::gates + gate) * width + v * kLanes);
          }
        }
      }
    };
    for (int k = 0; k + phases <= Hidden; k += phases) {
#pragma GCC unroll 2
      for (int p = 0; p < phases; ++p) add(k + p, p);
    }
    if constexpr (Hidden % phases != 0) add(Hidden - 1, 0);
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) {
#pragma GCC unroll 4
        for (int gate = 0; gate < Cell::gates; ++gate) {
          sums[r][v][Cell::state_sum(gate)] =
              phases == 1 ? part[0][r][v][gate] : part[0][r][v][gate] + part[phases - 1][r][v][gate];
        }
        const int unit = first + v * kLanes;
        const auto finish = [&](auto lanes) __attribute__((always_inline)) {
          vec kept = Cell::gates == 4 ? load(lanes, memory + r * Hidden + unit) : vec{};
          store(lanes, out + r * OutRow + unit, Cell::step(sums[r][v], load(lanes, h + r * h_row + unit), kept));
          if (Cell::gates == 4) store(lanes, memory + r * Hidden + unit, kept);
        };
        if (Hidden % kLanes == 0 || unit + kLanes <= Hidden) {
          finish(All{});
        } else {
          finish(Lanes<Hidden % kLanes == 0 ? kLanes : Hidden % kLanes>{});
        }
      }
    }
  }

  template <int Rows>
  static void samples(int64_t times, const real* x, int64_t x_time, const real* h, int64_t h_row, const real* w, real* out,
                      int64_t out_time, real* memory) {
    constexpr int vectors = vectors_of(Hidden);
    constexpr int whole = vectors / Tile * Tile;
    constexpr int step = kLanes * (4 + Cell::gates * (In + Hidden));
    for (int64_t t = 0; t < times; ++t) {
      for (int v = 0; v < whole; v += Tile) tile<Rows, Tile>(x, h, h_row, w + v * step, out, memory, v * kLanes);
      if constexpr (whole < vectors) tile<Rows, vectors - whole>(x, h, h_row, w + whole * step, out, memory, whole * kLanes);
      h = out;
      h_row = OutRow;
      x += x_time;
      out += out_time;
    }
  }

  template <int Rows, int RowTile>
  static void run(int64_t times, const real* x, int64_t x_time, const real* h, int64_t h_row, const real* w, real* out,
                  int64_t out_time, real* memory) {
    alignas(64) static const real zeros[vectors_of(Hidden) * kLanes] = {};
    if (h == nullptr) h_row = 0;
    const auto from = [&](int row) { return h == nullptr ? zeros : h + row * h_row; };
    constexpr int whole = Rows / RowTile * RowTile;
    for (int row = 0; row < whole; row += RowTile) {
      samples<RowTile>(times, x + row * XRow, x_time, from(row), h_row, w, out + row * OutRow, out_time, memory + row * Hidden);
    }
    if constexpr (whole < Rows) {
      samples<Rows - whole>(times, x + whole * XRow, x_time, from(whole), h_row, w, out + whole * OutRow, out_time,
                            memory + whole * Hidden);
    }
  }
};

}  // namespace
