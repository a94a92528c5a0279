/** What is loaded when pictures are wanted. */
export { MyPictures } from './view/my-pictures.js';
export { askWays, videoCall } from './view/video-call.js';
