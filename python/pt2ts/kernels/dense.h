// Linear layers: y[row][o] = epilogue(bias[o] + sum over k of x[row][k] w[o][k]).
//
// The lanes of a vector are neighbouring outputs, so that nothing has to be summed across lanes, and a weight is read once for
// several rows. Weights are packed tile by tile: a tile of `Tile` vectors of outputs holds its bias and then its weights input
// by input, in the order in which they are read.

namespace {

constexpr int vectors_of(int size) { return (size + kLanes - 1) / kLanes; }

// Elements of a packed layer.
constexpr int packed_size(int n_in, int n_out) { return vectors_of(n_out) * kLanes * (n_in + 1); }

template <int In, int Out, int Tile>
void pack_dense(const real* w, int64_t w_out, int64_t w_in, const real* bias, int64_t bias_out, real* packed) {
  for (int first = 0; first < Out; first += Tile * kLanes) {
    const int left = vectors_of(Out - first);
    const int width = (left < Tile ? left : Tile) * kLanes;
    for (int o = first; o < first + width; ++o) *packed++ = o < Out && bias != nullptr ? bias[o * bias_out] : 0;
    for (int k = 0; k < In; ++k) {
      for (int o = first; o < first + width; ++o) *packed++ = o < Out ? w[o * w_out + k * w_in] : 0;
    }
  }
}

// One tile of outputs for some rows. Few accumulators would wait for each other: then the inputs are summed in several phases, as
// many as `Least` rows need. All tiles of a layer have the same, so that a sample has the same bits wherever in a batch it is.
template <int In, int Vectors, int Rows, int Least, int XRow, int XIn>
inline void tile_sums(const real* x, const real* w, vec (&sums)[Rows][Vectors]) {
  constexpr int wanted = 8 / (Least * Vectors) < 1 ? 1 : 8 / (Least * Vectors);
  constexpr int phases = wanted > In ? In : wanted;
  constexpr int width = Vectors * kLanes;
  vec part[phases][Rows][Vectors];
#pragma GCC unroll 16
  for (int p = 0; p < phases; ++p) {
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) part[p][r][v] = p == 0 ? load(w + v * kLanes) : vec{};
    }
  }
  w += width;
  constexpr int whole = In / phases * phases;
#pragma GCC unroll 2
  for (int k = 0; k < whole; k += phases) {
#pragma GCC unroll 16
    for (int p = 0; p < phases; ++p) {
      vec weight[Vectors];
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) weight[v] = load(w + (k + p) * width + v * kLanes);
#pragma GCC unroll 16
      for (int r = 0; r < Rows; ++r) {
        const vec value = splat(x[r * XRow + (k + p) * XIn]);
#pragma GCC unroll 16
        for (int v = 0; v < Vectors; ++v) part[p][r][v] += value * weight[v];
      }
    }
  }
#pragma GCC unroll 16
  for (int k = whole; k < In; ++k) {
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
      const vec value = splat(x[r * XRow + k * XIn]);
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) part[k - whole][r][v] += value * load(w + k * width + v * kLanes);
    }
  }
#pragma GCC unroll 16
  for (int p = phases - 1; p > 0; --p) {
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) part[(p - 1) / 2][r][v] += part[p][r][v];
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < Vectors; ++v) sums[r][v] = part[0][r][v];
  }
}

// Where things lie: distances between rows of x, between its inputs, and between rows of y.
template <int In, int Out, int XRow, int XIn, int YRow>
struct DenseShape {};

template <int Vectors, int Rows, int Least, int In, int Out, int XRow, int XIn, int YRow, class Epilogue>
inline void dense_tile(DenseShape<In, Out, XRow, XIn, YRow>, const real* x, const real* w, real* __restrict y, int row,
                       int first, Epilogue epilogue) {
  vec sums[Rows][Vectors];
  tile_sums<In, Vectors, Rows, Least, XRow, XIn>(x + row * XRow, w, sums);
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < Vectors; ++v) {
      const int column = first + v * kLanes;
      real* to = y + (row + r) * YRow + column;
      if (Out % kLanes == 0 || column + kLanes <= Out) {
        store(to, epilogue(All{}, sums[r][v], row + r, column));
      } else {
        constexpr Lanes<Out % kLanes == 0 ? kLanes : Out % kLanes> rest;
        store(rest, to, epilogue(rest, sums[r][v], row + r, column));
      }
    }
  }
}

template <int Vectors, int Rows, int RowTile, int Least, class Shape, class Epilogue>
inline void dense_rows(Shape shape, const real* x, const real* w, real* __restrict y, int first, Epilogue epilogue) {
  constexpr int whole = Rows / RowTile * RowTile;
  for (int row = 0; row < whole; row += RowTile) dense_tile<Vectors, RowTile, Least>(shape, x, w, y, row, first, epilogue);
  if constexpr (whole < Rows) dense_tile<Vectors, Rows - whole, Least>(shape, x, w, y, whole, first, epilogue);
}

template <int Rows, int Tile, int RowTile, int Least, int In, int Out, int XRow, int XIn, int YRow, class Epilogue>
inline void dense(DenseShape<In, Out, XRow, XIn, YRow> shape, const real* x, const real* w, real* __restrict y,
                  Epilogue epilogue) {
  constexpr int vectors = vectors_of(Out);
  constexpr int whole = vectors / Tile * Tile;
  for (int v = 0; v < whole; v += Tile) {
    dense_rows<Tile, Rows, RowTile, Least>(shape, x, w, y, v * kLanes, epilogue);
    w += Tile * kLanes * (In + 1);
  }
  if constexpr (whole < vectors) dense_rows<vectors - whole, Rows, RowTile, Least>(shape, x, w, y, whole * kLanes, epilogue);
}

// Few outputs: the lanes are neighbouring inputs, summed at the end. Packed are, for each output, its weights, zeros up to a
// whole vector, and the bias.
template <int In, int Out>
void pack_dot(const real* w, int64_t w_out, int64_t w_in, const real* bias, int64_t bias_out, real* packed) {
  constexpr int width = vectors_of(In) * kLanes;
  for (int o = 0; o < Out; ++o) {
    for (int k = 0; k < width; ++k) *packed++ = k < In ? w[o * w_out + k * w_in] : 0;
    *packed++ = bias != nullptr ? bias[o * bias_out] : 0;
  }
}

template <int Rows, int In, int Out, int XRow, int YRow, class Epilogue>
inline void dense_dot(const real* x, const real* w, real* __restrict y, Epilogue epilogue) {
  constexpr int width = vectors_of(In) * kLanes;
  for (int row = 0; row < Rows; ++row) {
    for (int o = 0; o < Out; ++o) {
      const real* mine = w + o * (width + 1);
      const vec sum =
          reduce_lanes<Sum, In>([&](auto lanes, int k) { return load(lanes, x + row * XRow + k) * load(mine + k); });
      y[row * YRow + o] = epilogue(Lanes<1>{}, sum + mine[width], row, o)[0];
    }
  }
}

}  // namespace
