package upgrade

// FrameSize is for the tests from outside.
const FrameSize = frameSize
