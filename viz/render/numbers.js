// float16 numbers by bytes (all low ones, then all high ones), compressed: a function that gives the i-th of them.
(async function (data) {
  const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0));
  const all = new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).arrayBuffer());
  const n = all.length / 2;
  return i => {
    const h = all[i] + 256 * all[n + i], e = h >> 10 & 31, m = h & 1023, sign = h >> 15 ? -1 : 1;
    return sign * (e === 31 ? m ? NaN : Infinity : e ? 2 ** (e - 15) * (1 + m / 1024) : m * 2 ** -24);
  };
})
