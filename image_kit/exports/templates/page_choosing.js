// The ways in which a picture gets onto the page: chosen, photographed, dropped, pasted.
"use strict";

const element = id => document.getElementById(id);
const note = text => { element("note").textContent = text; };

// Calls `take` with the files that the person gave, at least one.
function listenForPictures(take) {
  const given = (files, missing) => {
    note(files.length ? "" : missing);
    if (files.length) take([...files]);
  };
  for (const [button, input] of [["choose", "files"], ["camera", "shot"]]) {
    element(button).addEventListener("click", () => element(input).click());
    element(input).addEventListener("change", ({target}) => {
      const files = [...target.files];
      target.value = "";  // so that the same picture can be chosen again
      if (files.length) given(files);
    });
  }
  document.addEventListener("paste", event => {
    event.preventDefault();
    given(event.clipboardData.files, "There is no picture to paste. Copy a picture first, not a text or a link.");
  });
  listenForDrops(files => given(files, "That was no picture file. Save the picture first, then drop its file here."));
}

function listenForDrops(give) {
  const show = isDragging => document.body.classList.toggle("dragging", isDragging);
  const on = (name, act) => document.addEventListener(name, event => {
    event.preventDefault();  // or the browser leaves this page and opens the picture
    act(event);
  });
  on("dragenter", () => show(true));
  on("dragover", ({dataTransfer}) => { dataTransfer.dropEffect = "copy"; });
  on("dragleave", ({relatedTarget}) => { if (!relatedTarget) show(false); });
  on("drop", ({dataTransfer}) => {
    show(false);
    give(dataTransfer.files);
  });
}
