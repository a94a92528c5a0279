/** What is loaded when pictures are wanted. */
export { MyPictures } from './view/my-pictures.js';
export { videoCall } from './view/video-call.js';
