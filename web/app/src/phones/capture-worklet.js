// Hands the microphone's samples to the page, a tenth of a second at a time at most.
class Capture extends AudioWorkletProcessor {
  process(inputs) {
    const samples = inputs[0]?.[0];
    if (samples) this.port.postMessage(samples.slice());
    return true;
  }
}
registerProcessor('convoke-capture', Capture);
